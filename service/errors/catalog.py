"""Every type of problem that the API answers with. docs/errors.md and the OpenAPI document are made of this list."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

RETRY_AFTER: Final = "Retry-After"


@dataclass(frozen=True)
class ProblemType:
    """One type.

    Attributes:
        status: its HTTP status, always the same.
        kind: the end of its ``type``; never changed, since programs look at it.
        when: what has happened, in a sentence.
        remedy: what to do about it, in a sentence.
        headers: that every answer of this type has.
    """

    status: int
    kind: str
    when: str
    remedy: str
    headers: tuple[str, ...] = ()


_ALL: Final = (
    ProblemType(
        400,
        "bad_request",
        "The multipart form cannot be parsed, or has several files.",
        "Let a library make the form; send one file, `video`.",
    ),
    ProblemType(
        400,
        "malformed_range",
        "The header `Range` asks for bytes, but not in the form `bytes=FIRST-LAST`.",
        "Correct it, or leave it out.",
    ),
    ProblemType(
        400,
        "cors_refused",
        "A browser asked beforehand for an origin, a method or a header that is not allowed.",
        "Name the page's origin in `V2M_CORS_ORIGINS`; send only the headers that docs/api.md names.",
    ),
    ProblemType(
        401,
        "unauthorized",
        "There is no key, or none that is known here; or a signed link was altered, or its key has been taken away.",
        "Send `Authorization: Bearer KEY`, or the link exactly as it was made.",
        ("WWW-Authenticate",),
    ),
    ProblemType(
        401,
        "link_expired",
        "The time of the signed link is over.",
        "Ask for new links: `POST /v1/jobs/{id}/links`.",
        ("WWW-Authenticate",),
    ),
    ProblemType(
        403,
        "cross_site",
        "The service has no keys, and a web page of another origin would change something here.",
        "Name the page's origin in `V2M_CORS_ORIGINS`, or set `V2M_API_KEYS`.",
    ),
    ProblemType(
        404,
        "not_found",
        "There is nothing at this path.",
        "Look at the path: it has no slash at its end. `/openapi.json` lists all.",
    ),
    ProblemType(
        404,
        "unknown_job",
        "There is no job of this id; it was deleted or forgotten with age, or another key made it.",
        "Look at the id and the key; `GET /v1/jobs` lists the jobs of a key.",
    ),
    ProblemType(
        404,
        "unknown_variant",
        "The job has no result of this variant.",
        "Take one of those that `detail`, and the job's `content`, name.",
    ),
    ProblemType(
        405,
        "method_not_allowed",
        "The path does not take this method.",
        "Take one that the header `Allow` names.",
        ("Allow",),
    ),
    ProblemType(
        408,
        "request_timeout",
        "No byte of the upload came for so long that the line is taken to be broken; `limit` says how many seconds.",
        "Send it again, over a line that lasts.",
    ),
    ProblemType(
        409,
        "not_completed",
        "The job is not over yet, so it has no results.",
        "Ask again after `Retry-After`, or follow the job.",
        (RETRY_AFTER,),
    ),
    ProblemType(
        409,
        "already_over",
        "The job to be canceled is completed or failed.",
        "Nothing is left to cancel; `DELETE` removes the job.",
    ),
    ProblemType(
        409,
        "in_progress",
        "The job to be deleted is being worked on.",
        "Cancel it, and delete it once it is `canceled`.",
    ),
    ProblemType(
        409,
        "idempotency_key_in_use",
        "Another request with the same `Idempotency-Key` is under way.",
        "Send the same request again after `Retry-After`.",
        (RETRY_AFTER,),
    ),
    ProblemType(
        410,
        "no_content",
        "The job failed or was canceled: it has no results and will have none.",
        "Look at the job's `error`; make a new job.",
    ),
    ProblemType(
        410,
        "expired",
        "The results were removed with age, or to make room.",
        "Make the job anew, and fetch its results in time.",
    ),
    ProblemType(
        410,
        "job_gone",
        "The job that this `Idempotency-Key` made has been deleted, or forgotten with age.",
        "Take a new key to make a new job.",
    ),
    ProblemType(
        413,
        "upload_too_large",
        "The video, or the whole request, is over the limit that `limit` names in bytes.",
        "Send a smaller file: encode it anew, at a lower resolution.",
    ),
    ProblemType(
        415,
        "unsupported_media_type",
        "The request is no multipart form, or one in another charset than UTF-8.",
        "Send `Content-Type: multipart/form-data`, as `curl -F` does.",
    ),
    ProblemType(
        415,
        "not_a_video",
        "The file is in no container of videos that is known here.",
        "Send MP4, MOV, MKV, WebM or another common one.",
    ),
    ProblemType(
        415,
        "playlist",
        "The file is a playlist: a list of other files, which are not opened.",
        "Send the video itself.",
    ),
    ProblemType(
        416,
        "range_not_satisfiable",
        "The header `Range` asks for bytes after the file's end.",
        "`limit` and `Content-Range` tell the file's size.",
        ("Content-Range",),
    ),
    ProblemType(
        421,
        "misdirected_request",
        "The service has no keys, and the header `Host` is no name of the machine that it runs on.",
        "Ask `http://127.0.0.1:PORT` or `http://localhost:PORT`; let a proxy send that `Host`; or set `V2M_API_KEYS`.",
    ),
    ProblemType(
        422,
        "invalid_request",
        "A field or a parameter is missing, or has a value that it cannot have.",
        "Correct what `field` names; `errors` names all of them.",
    ),
    ProblemType(
        422,
        "invalid_options",
        "`options` is no JSON object of options, or one of them has a value that it cannot have.",
        "Correct what `field` names; `errors` names all of them.",
    ),
    ProblemType(
        422,
        "unknown_field",
        "The form has a field that this route does not know.",
        "Look for a typing error in `field`, or leave it out.",
    ),
    ProblemType(
        422,
        "invalid_cursor",
        "`cursor` is not the `next_cursor` of a page.",
        "Hand it back as it came, or leave it out for the first page.",
    ),
    ProblemType(
        422,
        "invalid_idempotency_key",
        "`Idempotency-Key` is empty, too long, not visible ASCII, or there twice.",
        "Send one of 1 to 255 visible ASCII characters; a UUID is good.",
    ),
    ProblemType(
        422,
        "idempotency_key_reused",
        "The `Idempotency-Key` has made a job of another form.",
        "Take a new key for a new job.",
    ),
    ProblemType(
        422,
        "webhooks_off",
        "The form has `webhook`, and this service sends none.",
        "Leave it out and follow the job, or have `V2M_WEBHOOK_SECRET` set.",
    ),
    ProblemType(
        422,
        "invalid_webhook",
        "`webhook` is no absolute https address, is too long, or leads into a private network.",
        "Send an address that `detail` has nothing against.",
    ),
    ProblemType(
        422,
        "too_long",
        "The prompt has too many characters, or the video too many seconds; `limit` says how many there may be.",
        "Shorten what `field` names.",
    ),
    ProblemType(
        422,
        "empty_file",
        "The video has 0 bytes.",
        "Look at the file, and whether it was whole when it was sent.",
    ),
    ProblemType(
        422,
        "no_video_stream",
        "The file has no pictures, only sound or nothing.",
        "Send a video.",
    ),
    ProblemType(
        422,
        "no_frames",
        "The file says that it has pictures, and has none.",
        "Record or export it again.",
    ),
    ProblemType(
        422,
        "too_large_picture",
        "The pictures have more pixels than are allowed, a little over those of 4K.",
        "Scale the video down.",
    ),
    ProblemType(
        422,
        "codec",
        "The video is coded in a way that no container keeps beside a new sound.",
        "Convert it to H.264.",
    ),
    ProblemType(
        422,
        "unreadable",
        "The video is damaged or cut short, or coded in a way that cannot be read; `detail` says what is known.",
        "Send the whole file, or convert it first.",
    ),
    ProblemType(
        422,
        "budget",
        "To read the video takes more time, memory or pictures than a video may take.",
        "Convert it first: shorter, smaller, with fewer pictures a second.",
    ),
    ProblemType(
        429,
        "rate_limited",
        "The key, or the address of who has none, has made more requests than `limit` names.",
        "Wait for `Retry-After`, and ask less often.",
        (RETRY_AFTER,),
    ),
    ProblemType(
        429,
        "too_many_jobs",
        "As many jobs of the key are queued or in progress as may be; `limit` says how many.",
        "Wait for one of them to end, or cancel one.",
        (RETRY_AFTER,),
    ),
    ProblemType(
        429,
        "too_many_uploads",
        "As many uploads of the key are under way as may be; `limit` says how many.",
        "Wait for one of them to end, and send it after `Retry-After`.",
        (RETRY_AFTER,),
    ),
    ProblemType(
        429,
        "too_many_streams",
        "As many streams of the job's events are open as may be; `limit` says how many.",
        "Close those that nobody reads, or ask for the job itself: `GET /v1/jobs/{id}`.",
        (RETRY_AFTER,),
    ),
    ProblemType(
        500,
        "internal",
        "A fault of ours, of which nothing is known but that it has been logged.",
        "Tell whoever runs the service its `request_id`.",
    ),
    ProblemType(
        503,
        "unavailable",
        "The job store does not answer; with `job_id`, whether that job was made is not known yet.",
        "Send it again after `Retry-After`, with an `Idempotency-Key` where it makes a job.",
        (RETRY_AFTER,),
    ),
    ProblemType(
        503,
        "queue_full",
        "As many jobs wait as may; `limit` says how many.",
        "Send it again after `Retry-After`.",
        (RETRY_AFTER,),
    ),
    ProblemType(
        503,
        "uploads_full",
        "As many uploads are under way as this process of the API may have; `limit` says how many.",
        "Send it again after `Retry-After`.",
        (RETRY_AFTER,),
    ),
    ProblemType(
        503,
        "streams_full",
        "As many streams of events are open as this process of the API may have; `limit` says how many.",
        "Try again after `Retry-After`, or ask for the job itself: `GET /v1/jobs/{id}`.",
        (RETRY_AFTER,),
    ),
    ProblemType(
        503,
        "storage",
        "The server's store of files does not work.",
        "Send it again after `Retry-After`; whoever runs the service finds the cause in its log.",
        (RETRY_AFTER,),
    ),
    ProblemType(
        503,
        "not_ready",
        "Something that the service needs is missing; `missing` says what.",
        "Wait, or see to what is missing.",
        (RETRY_AFTER,),
    ),
    ProblemType(
        507,
        "storage_full",
        "There is no room for another upload.",
        "Send it again after `Retry-After`; deleting jobs makes room.",
        (RETRY_AFTER,),
    ),
)

CATALOGUE: Final[Mapping[str, ProblemType]] = {one.kind: one for one in _ALL}
"""By kind, in the order of the statuses."""
