"""What an error of a runtime means: too little memory, a device that is lost, or neither.

The runtimes raise a bare `RuntimeError` for nearly everything, so that the text decides. Of what CUDA calls
an error all but a few leave the process without a device: the context stays broken for good, and every later
call fails with the same words. So those few are named, and whatever else it says means that the device is
lost: a worker that ends for nothing costs seconds, one that goes on fails every picture it takes.
"""

import re

from veilgate.domain.errors import DeviceLost

_OUT_OF_MEMORY = re.compile(
    # torch, CUDA and its libraries; "can't allocate" and "not enough" are torch's on a CPU.
    r"out of memory|OutOfMemory|_ALLOC_FAILED|cudaErrorMemoryAllocation"
    r"|DefaultCPUAllocator: (?:can't allocate|not enough) memory"
    # What C++ throws, by way of OpenVINO; its GPU plugin and OpenCL; ONNX Runtime.
    r"|std::bad_alloc|bad allocation|Exceeded max size of memory object allocation"
    r"|CL_MEM_OBJECT_ALLOCATION_FAILURE|Failed to allocate memory for requested buffer",
    re.IGNORECASE,
)
_CUDA_SAYS = re.compile(r"(?:CUDA (?:driver )?error|cuDNN error|CUDA failure \d+):\s*(.+)", re.IGNORECASE)
# The process asked for something that cannot be done; the device is as it was.
_CUDA_REFUSES = re.compile(
    r"invalid (?:argument|configuration argument|device function|device ordinal|resource handle)"
    r"|no kernel image is available|too many resources requested|operation not supported"
    r"|_STATUS_(?:NOT_SUPPORTED|INVALID_VALUE|BAD_PARAM|ARCH_MISMATCH)",
    re.IGNORECASE,
)
_LOST = re.compile(
    r"No CUDA GPUs are available|CUDA driver initialization failed|Found no NVIDIA driver"
    # OpenVINO on a GPU or NPU. Its authors warn that after the first of these any call may hang.
    r"|CL_OUT_OF_RESOURCES|CL_DEVICE_NOT_AVAILABLE|ZE_RESULT_ERROR_DEVICE_LOST|device is lost",
    re.IGNORECASE,
)


def is_out_of_memory(error: Exception) -> bool:
    """Whether less work at a time may succeed."""
    return isinstance(error, MemoryError) or bool(_OUT_OF_MEMORY.search(_words(error)))


def is_device_lost(error: Exception) -> bool:
    """Whether nothing will succeed in this process any more, whatever picture it takes."""
    if isinstance(error, DeviceLost):
        return True
    if is_out_of_memory(error):
        return False
    words = _words(error)
    said = _CUDA_SAYS.search(words)
    if said is not None:
        return _CUDA_REFUSES.search(said[1]) is None
    return _LOST.search(words) is not None


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
