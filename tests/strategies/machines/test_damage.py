"""Damaged files: whatever is changed, cut or doubled in a sample, the answer is a machine or one line of refusal."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from mutated_inputs import damaged

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.machines.answers import answers_of
from percpu_fuzz.strategies.machines.importing import import_path

PAGE = {"page_size": "4096"}
THREE = {"possible_nodes": "0-2", "possible_cpus": "0-7", "distances": "10:20", "memory": "0=1G,1=1G,2=0"}
SAMPLES: dict[str, dict[str, str | None]] = {
    "numactl.txt": {"possible_nodes": "0-2", "possible_cpus": "0-7", **PAGE},
    "numactl-sparse.txt": {"possible_nodes": "0,8,252-253", "possible_cpus": "0,4,8,12,16,20,24,28", **PAGE},
    "lscpu.json": {**THREE, "cpu_nodes": "7=1"},
    "lscpu-e.json": {**THREE, **PAGE, "cpu_nodes": "3=1"},
    "hwloc-v1.xml": {"possible_nodes": "0-1", "possible_cpus": "0-4"},
    "hwloc-v2.xml": {"possible_nodes": "0-2", "possible_cpus": "0-2,32-34", "cpuless_nodes": "2"},
    "qemu.sh": {},
}


@pytest.mark.parametrize("sample", SAMPLES)
def test_damage_is_a_machine_or_one_line(machines: Path, tmp_path: Path, sample: str) -> None:
    """200 damaged copies of each sample raise nothing but InputError, on one line; some are refused, some are not."""
    rng, whole = random.Random(sample), (machines / sample).read_bytes()
    answers = answers_of(SAMPLES[sample])
    import_path(machines / sample, answers)
    messages, taken = [], 0
    for _ in range(200):
        data = whole
        for _ in range(rng.randint(1, 3)):
            data = damaged(data, (whole,), rng)
        (tmp_path / sample).write_bytes(data)
        try:
            import_path(tmp_path / sample, answers)
            taken += 1
        except InputError as error:
            messages.append(str(error))
    assert not any("\n" in message for message in messages)
    assert len(messages) > 20
    assert taken > 0
