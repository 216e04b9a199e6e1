"""Products in bfloat16, where they are quicker: processors without them take minutes for a layer of 9 × 9 taps."""

import torch


def has_bf16(device: torch.device | str) -> bool:
    """Whether they are quicker there: on GPUs that have them ("auto" is one where there is one), and on processors with
    AMX or AVX512-BF16."""
    if str(device) != "cpu" and torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()


def halves(device: torch.device, enabled: bool = True) -> torch.autocast:
    """Within it products are of bfloat16 where that is quicker; of float32 elsewhere, or unless `enabled`."""
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled and has_bf16(device))
