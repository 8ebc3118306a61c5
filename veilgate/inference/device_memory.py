"""Memory that torch holds on GPUs, for whoever shows it. Loads nothing: who did not need torch has none."""

import sys


def taken_bytes() -> dict[str, int]:
    """By the name of the device, what this process has taken, be it in use or kept for the next run."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return {}
    return {
        f"cuda:{number}": int(torch.cuda.memory_reserved(number))
        for number in range(torch.cuda.device_count())
    }
