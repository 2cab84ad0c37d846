"""What the project says it is: a model, of which patch series, read from which tree, compared with which kernels."""

from __future__ import annotations

SERIES_NAME = "per-memcg-per-node kmem accounting"
SERIES_VERSION = "v2"
MESSAGE_ID = "20260626102358.1603618-1-alex@ghiti.fr"  # of the cover letter of the complete send
FIRST_MESSAGE_ID = "20260511202136.330358-..."  # what those of the first version begin with
TREE = "linux-mm 030321517fd4"  # whose mm/percpu.c and mm/memcontrol.c docs/MODEL.md was read from
RECORDED = ("6.1.192", "6.12.95")  # unmodified kernels whose runs the model is compared with (docs/real-kernels.md)
PARTS = {
    "base": "the kernel before the series",
    "split": "the series up to 4/9",
    "v1": "the first version of the series",
    "v2": "the series up to 6/9",
    "v2-exts": "the series up to 7/9",
    "v2-fast": "the series up to 8/9",
    "fixed": "the series and what mends it",
}  # what a variant is of the series; others are known by their names alone


def series_words(variant: str, told: str = "(Message-ID {})") -> str:
    """The series with its version and Message-ID: the first version's for v1. told: how the Message-ID is written."""
    version, message_id = ("v1", FIRST_MESSAGE_ID) if variant == "v1" else (SERIES_VERSION, MESSAGE_ID)
    return f'"{SERIES_NAME}" {version} {told.format(message_id)}'


def part_words(variant: str) -> str:
    """v2 (the series up to 6/9); a variant from a file by its name alone."""
    return f"{variant} ({PARTS[variant]})" if variant in PARTS else variant


def model_words(variant: str) -> str:
    """What a report of this variant is a report of."""
    return (
        f"A model of percpu memory accounting with {series_words(variant)}, read from {TREE}, checked against recorded "
        f"kernels {' and '.join(RECORDED)}; not a kernel. What was run is {part_words(variant)}."
    )


def mail_words(variant: str) -> str:
    """The first sentence of a mail: it comes from a model, and of what; of several variants give the last."""
    return (
        f"From a model, not from a kernel: {series_words(variant, '<{}>')}, read from {TREE}, checked against recorded "
        f"{' and '.join(RECORDED)}."
    )
