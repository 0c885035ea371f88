"""The frame that all dashboards share: fixed uid, data source and variables, a way to the others, nothing to edit."""

from collections.abc import Sequence
from typing import Any

from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink, DatasourceVariable, QueryVariable
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.dashboard import DashboardLinkType, VariableOption, VariableRefresh

from dashboards.panels import SOURCE

TAG = "nodeops"
_GRID = 24
# What a query is narrowed by: the network, and the nodes that were chosen.
NETWORK = 'network=~"$network"'
NODES = f'{NETWORK},node=~"$node"'
# Nodes, and hosts that run no ledger.
EVERY_HOST = 'job=~"nodeops|hosts"'
NODE_PAGE = "/d/nodeops-node?var-datasource=${datasource}&var-node=${__value.raw}"


def middle(query: str, worst: str = "max") -> str:
    """Return what the middle one of the nodes says of their network, and of several networks the `worst`: `max` or `min`.

    Every node says it of the same chain, and one of them may lie: the newest head, or the least power, would be what it likes.
    """
    return f"{worst} (quantile by (network) (0.5, {worst} by (network, node) ({query})))"


def counted(condition: str) -> str:
    """Return of how many nodes a condition (1 or 0) holds: whatever one says, it is one of them at most and hides no other."""
    return f"sum(max by (network, node) ({condition}))"


# How old the newest block is, as the alert NetworkHalted judges it: who knows that it is behind says nothing of the chain.
NEWEST_BLOCK = middle(
    f"time() - nodeops_ledger_head_timestamp_seconds{{{NETWORK}}} unless on (network, node) nodeops_ledger_lag_blocks > 20"
)


def page(name: str, says: str, panels: Sequence[Any], *, nodes: str = "", since: str = "now-3h") -> dashboard.Dashboard:
    """Return a dashboard. `nodes`: `many` hosts or `one` node can be chosen, or none."""
    found = Dashboard(f"nodeops {name}").uid(f"nodeops-{name.replace(' ', '-')}").description(says).tags([TAG]).readonly()
    found = found.refresh("30s").time(since, "now").timezone("browser").link(_others())
    found = found.with_variable(DatasourceVariable("datasource").label("Data source").type("prometheus"))
    found = found.with_variable(_labels("network", 'label_values(up{job="nodeops"}, network)', every=True))
    if nodes:
        job = EVERY_HOST if nodes == "many" else 'job="nodeops"'
        query = f"label_values(up{{{job},{NETWORK}}}, node)"
        found = found.with_variable(_labels("node", query, every=nodes == "many"))
    made = found.build()
    made.panels = [panel.id(at).build() for at, panel in enumerate(panels, start=1)]
    _place(made.panels)
    return made


def _place(panels: Sequence[Any]) -> None:
    """Put panels on the grid from left to right, a new line when one has no space left; a row is a line of its own."""
    x = y = deepest = 0
    for panel in panels:
        place = panel.grid_pos = panel.grid_pos or dashboard.GridPos(h=1, w=_GRID)
        if x + place.w > _GRID:
            x, y, deepest = 0, y + deepest, 0
        place.x, place.y = x, y
        x, deepest = x + place.w, max(deepest, place.h)


def _others() -> DashboardLink:
    link = DashboardLink("Other dashboards").type(DashboardLinkType.DASHBOARDS).tags([TAG])
    return link.as_dropdown(True).keep_time(True).include_vars(True)


def _labels(name: str, query: str, every: bool) -> QueryVariable:
    found = QueryVariable(name).label(name.capitalize()).query(query).datasource(SOURCE)
    found = found.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    if not every:
        return found
    return found.multi(True).include_all(True).current(VariableOption(selected=True, text=["All"], value=["$__all"]))
