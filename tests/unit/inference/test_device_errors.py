"""What runtimes really say, and what it means."""

import pytest

from veilgate.domain.errors import DeviceLost, StageFailed
from veilgate.inference.device_errors import is_device_lost, is_out_of_memory

_ASYNCHRONOUS = (
    "\nCUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below "
    "might be incorrect.\nFor debugging consider passing CUDA_LAUNCH_BLOCKING=1\n"
    "Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.\n"
)
OUT_OF_MEMORY = (
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 23.65 GiB of which 1.07 "
    "GiB is free. Process 4157 has 22.57 GiB memory in use.",
    "CUDA error: out of memory" + _ASYNCHRONOUS,
    "CUDA driver error: out of memory",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to "
    "allocate 4294967296 bytes. Error code 12 (Cannot allocate memory)",
    "[enforce fail at alloc_cpu.cpp:114] data. DefaultCPUAllocator: not enough memory: you tried to allocate "
    "39321600 bytes.",
    "Exception from src/inference/src/cpp/infer_request.cpp:223:\nstd::bad_alloc\n",
    "Check 'layout.bytes_count() <= max' failed at src/plugins/intel_gpu/src/runtime/ocl/ocl_engine.cpp:134:"
    "\n[GPU] Exceeded max size of memory object allocation: Requested 4718592000 bytes but max alloc size is "
    "4294959104 bytes.",
    "[GPU] clEnqueueMapBuffer, error code: -4 CL_MEM_OBJECT_ALLOCATION_FAILURE",
    "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Failed to allocate memory for requested buffer of size 16",
)
LOST = (
    "CUDA error: unknown error" + _ASYNCHRONOUS,
    "CUDA error: unknown error (cudaErrorUnknown)",
    "CUDA error: unspecified launch failure" + _ASYNCHRONOUS,
    "CUDA error: an illegal memory access was encountered" + _ASYNCHRONOUS,
    "CUDA error: device-side assert triggered" + _ASYNCHRONOUS,
    "CUDA error: uncorrectable ECC error encountered" + _ASYNCHRONOUS,
    "CUDA error: the launch timed out and was terminated" + _ASYNCHRONOUS,
    "CUDA error: all CUDA-capable devices are busy or unavailable" + _ASYNCHRONOUS,
    "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx(handle, opa, opb, m, n, k)`",
    "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
    "CUDA failure 700: an illegal memory access was encountered ; GPU=0 ; hostname=x ; expr=cudaMemcpyAsync",
    "No CUDA GPUs are available",
    "[GPU] CL_OUT_OF_RESOURCES exception.\n\tDue to a driver bug, any subsequent OpenCL API call may cause "
    "the application to hang, so the GPU plugin may be unable to finish correctly.",
    "L0 zeCommandQueueExecuteCommandLists result: ZE_RESULT_ERROR_DEVICE_LOST, code 0x70000001",
)
NEITHER = (
    "CUDA error: no kernel image is available for execution on the device" + _ASYNCHRONOUS,
    "CUDA error: invalid configuration argument" + _ASYNCHRONOUS,
    "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED. This error may appear if you passed in a non-contiguous input.",
    "Given groups=1, weight of size [64, 3, 7, 7], expected input[1, 4, 224, 224] to have 3 channels",
    "Exception from src/inference/src/cpp/infer_request.cpp:73:\nThe input tensor size is not equal to the "
    "model input type: got [1,3,32,31] expecting [1,3,32,32].",
    "mat1 and mat2 shapes cannot be multiplied (1x12 and 13x4)",
)


@pytest.mark.parametrize("text", OUT_OF_MEMORY)
def test_too_little_memory(text: str) -> None:
    assert (is_out_of_memory(RuntimeError(text)), is_device_lost(RuntimeError(text))) == (True, False)


@pytest.mark.parametrize("text", LOST)
def test_a_lost_device(text: str) -> None:
    assert (is_out_of_memory(RuntimeError(text)), is_device_lost(RuntimeError(text))) == (False, True)


@pytest.mark.parametrize("text", NEITHER)
def test_neither(text: str) -> None:
    assert (is_out_of_memory(RuntimeError(text)), is_device_lost(RuntimeError(text))) == (False, False)


def test_errors_that_say_it_by_their_class() -> None:
    class OutOfMemoryError(RuntimeError):
        """torch's is called so."""

    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(OutOfMemoryError("Tried to allocate 20 MiB"))
    assert is_device_lost(DeviceLost())
    assert not is_device_lost(StageFailed("find_faces gave 3 outcomes for 4 pictures."))
