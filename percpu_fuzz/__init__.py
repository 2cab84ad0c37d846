"""percpu-fuzz from Python: machines, programs, scenarios, variants, one function that runs them, and what draws them.

Everything here is public and described in docs/api.md; README, docs and emitted regressions import nothing else. The
four folders beside this file are the parts (docs/ARCHITECTURE.md); what is imported here is loaded when it is used, so
that a command that needs little starts fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from percpu_fuzz.engine.errors import InputError
    from percpu_fuzz.engine.program import Memcg, Op, Program, Task
    from percpu_fuzz.engine.scenario import Finding, Scenario, Switch, dump_finding, load_finding
    from percpu_fuzz.engine.topology import Cpu, Node, Topology
    from percpu_fuzz.engine.topology_file import dump_topology, load_topology
    from percpu_fuzz.engine.variant import VARIANTS, Variant
    from percpu_fuzz.fuzz.variant_files import with_steps
    from percpu_fuzz.strategies.draw.topologies import preset
    from percpu_fuzz.strategies.given.programs import programs
    from percpu_fuzz.strategies.given.scenarios import scenarios, schedules
    from percpu_fuzz.strategies.given.topologies import topologies
    from percpu_fuzz.strategies.run.differences import behaviour_differences
    from percpu_fuzz.strategies.run.replay import Run, Violation, run_scenario

__all__ = [
    "VARIANTS",
    "Cpu",
    "Finding",
    "InputError",
    "Memcg",
    "Node",
    "Op",
    "Program",
    "Run",
    "Scenario",
    "Switch",
    "Task",
    "Topology",
    "Variant",
    "Violation",
    "behaviour_differences",
    "dump_finding",
    "dump_topology",
    "load_finding",
    "load_topology",
    "preset",
    "programs",
    "run_scenario",
    "scenarios",
    "schedules",
    "topologies",
    "with_steps",
]

_HOMES = {
    "engine.errors": ("InputError",),
    "engine.program": ("Memcg", "Op", "Program", "Task"),
    "engine.scenario": ("Finding", "Scenario", "Switch", "dump_finding", "load_finding"),
    "engine.topology": ("Cpu", "Node", "Topology"),
    "engine.topology_file": ("dump_topology", "load_topology"),
    "engine.variant": ("VARIANTS", "Variant"),
    "fuzz.variant_files": ("with_steps",),
    "strategies.draw.topologies": ("preset",),
    "strategies.given.programs": ("programs",),
    "strategies.given.scenarios": ("scenarios", "schedules"),
    "strategies.given.topologies": ("topologies",),
    "strategies.run.differences": ("behaviour_differences",),
    "strategies.run.replay": ("Run", "Violation", "run_scenario"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """A public name, from its module; AttributeError for any other."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
