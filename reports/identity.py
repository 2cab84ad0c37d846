"""What the project says it is: a model, of which patch series, read from which tree, compared with which kernels."""

from __future__ import annotations

SERIES_NAME = "per-memcg-per-node kmem accounting"
SERIES_VERSION = "v2"
MESSAGE_ID = "20260626102358.1603618-1-alex@ghiti.fr"  # of the cover letter of the complete send
TREE = "linux-mm 030321517fd4"  # whose mm/percpu.c and mm/memcontrol.c docs/MODEL.md was read from
RECORDED = ("6.1.192", "6.12.95")  # unmodified kernels whose runs the model is compared with (docs/real-kernels.md)
MODEL = (
    f'A model of percpu memory accounting with "{SERIES_NAME}" {SERIES_VERSION} (Message-ID {MESSAGE_ID}), read from '
    f"{TREE}, checked against recorded kernels {' and '.join(RECORDED)}; not a kernel."
)
