"""Does a take meet what its prompt lets a listener expect?"""

from model_core.evaluation.model.prompts import HeldOut
from model_core.evaluation.model.takes import Take


def asked_of(want: HeldOut, styles: tuple[str, ...]) -> bool:
    """Whether a model of these styles can be asked for it at all."""
    return bool(set(want.styles.split()) & set(styles))


def misses(want: HeldOut, take: Take, heard_style: str, heard_minor: bool) -> list[str]:
    """What the take lacks, in words; nothing if it meets every expectation.

    Args:
        want: the prompt and its expectation.
        take: what was made of it.
        heard_style: by the style network.
        heard_minor: by the ear for modes.
    """
    styles, found = want.styles.split(), list[str]()
    if take.plan.header.style not in styles:
        found.append(f"planned as {take.plan.header.style}")
    if heard_style not in styles:
        found.append(f"sounds like {heard_style}")
    if want.mode and heard_minor != (want.mode == "minor"):
        found.append(f"is not in {want.mode}")
    if want.bpm is not None and not want.bpm[0] <= take.felt_bpm <= want.bpm[1]:
        found.append(f"has {take.felt_bpm:.0f} bpm")
    found += [f"has no {role}" for role in want.wanted.split() if role not in take.roles]
    found += [f"has {role}" for role in want.absent.split() if role in take.roles]
    missing = [programs for programs in want.programs if not programs & take.programs]
    if missing:
        found.append(f"lacks programs {' and '.join('/'.join(map(str, sorted(one))) for one in missing)}")
    if want.solo and ("drums" in take.roles or not take.programs <= frozenset().union(*want.programs)):
        found.append("is not alone")
    return found
