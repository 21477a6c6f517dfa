"""The code of the sandbox's child process: it alone imports PyAV. Nothing but inside.main is meant to be started."""
