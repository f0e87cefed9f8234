"""What the worker raises on purpose, as one tree; a class says what the caller does next.

WorkerError
├── BadSettings   fix the settings and start again
├── Denied        come with another token
├── Unreachable   try again: the scheduler does not answer
├── LeaseLost     drop the work: somebody else holds the task, or it is cancelled
├── HandBack      give the task back, so that it runs again later or elsewhere
│   ├── Stopped     this worker is shutting down
│   ├── NoSpace     a folder is full
│   ├── StoreAway   the object store does not answer
│   ├── Busy        the host, or the GPU, did not fall idle in time
│   ├── NoDevice    the GPU is gone: lost, taken out, or divided anew
│   └── Spoiled     an input changed while the task ran
└── Corrupt       fetch it again: bytes do not match their digest
"""


class WorkerError(Exception):
    """Root of everything the worker raises on purpose."""


class BadSettings(WorkerError):
    """The settings do not describe a worker that can run."""


class Denied(WorkerError):
    """The scheduler knows this worker's token not, or not as a worker's."""


class Unreachable(WorkerError):
    """The scheduler did not answer, or not with sense."""


class LeaseLost(WorkerError):
    """The task is not this worker's any more."""


class HandBack(WorkerError):
    """The task cannot be carried out here and now; nothing is wrong with the task."""


class Stopped(HandBack):
    """This worker is shutting down."""


class NoSpace(HandBack):
    """A folder of this worker is full."""


class StoreAway(HandBack):
    """The object store does not answer, or refuses this worker."""


class Busy(HandBack):
    """Others kept the host or the GPU busy for too long."""


class NoDevice(HandBack):
    """A device that was there is not there any more; the message says why."""


class Spoiled(HandBack):
    """An input was changed while the task ran, so its result means nothing."""


class Corrupt(WorkerError):
    """Bytes do not match their digest."""
