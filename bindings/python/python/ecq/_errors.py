"""Exceptions. Each has the fields of the JSON errors of the ``ecq`` command."""


class Error(Exception):
    """An error of ecq."""

    kind: str = "internal"
    """Name of the kind of the error, as the command prints it: ``io``, ``format``, ``corrupt``, ..."""
    tensor: "str | None" = None
    """Name of the tensor at which the error occurred, if known."""
    offset: "int | None" = None
    """Byte offset at which the error occurred, if known: in the file or in the stream of ``tensor``."""

    @property
    def message(self) -> str:
        """What happened, and where."""
        return str(self.args[0]) if self.args else ""

    def __str__(self) -> str:
        return self.message


class IoError(Error, OSError):
    """Reading or writing failed."""


class NotFoundError(IoError, FileNotFoundError):
    """A file or folder does not exist."""


class WrongFormatError(Error, ValueError):
    """The file has a different format than expected."""


class DamagedError(Error, ValueError):
    """The content of a file is invalid or does not match its checksums."""


class UnsupportedError(Error, NotImplementedError):
    """The model or tensor is not supported by this version."""


class UnknownTensorError(Error, KeyError):
    """The file has no tensor with this name."""


class InvalidOptionError(Error, ValueError):
    """An option has an invalid value."""


class ContextFullError(Error, ValueError):
    """The tokens exceed the context."""


class OutOfMemoryError(Error, MemoryError):
    """Memory is exhausted."""


class DeviceError(Error, RuntimeError):
    """A device is missing or has failed."""


class CancelledError(Error):
    """The operation was cancelled."""


class CalibrationError(Error, ValueError):
    """The model cannot be calibrated on the given text."""


class ResumeError(Error):
    """The unfinished work found belongs to a run with other options, or another process is using it."""


class ExportError(Error):
    """The file lacks something that the export format needs."""


class InternalError(Error, RuntimeError):
    """A bug in ecq."""
