"""Panels of Grafana in the few forms that the dashboards use: a number, lines, bars, a table of one row for each thing.

Every panel has a description and a unit. Only kinds that can be rendered without a Grafana server are used (docs/dashboards.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grafana_foundation_sdk.builders import bargauge, common, stat, table, timeseries
from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models.dashboard import (
    DashboardSpecialValueMapOptions,
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    SpecialValueMap,
    SpecialValueMatch,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from nodeops.disk.model import Stage
from nodeops.disk.policy.stages import defaults

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
# Where the page of an alert is read; the role puts the operator's own place here, as in the rules.
RUNBOOK = "RUNBOOKS/${__data.fields.alertname}.md"

GOOD, ODD, ILL, CALM, UNKNOWN = "green", "orange", "red", "blue", "text"
Steps = Sequence[tuple[float | None, str]]
Said = Mapping[str, tuple[str, str]]
PLAIN: Steps = ((None, UNKNOWN),)
NONE_IS_GOOD: Steps = ((None, GOOD), (1, ILL))
SOME_IS_ODD: Steps = ((None, GOOD), (1, ODD))
ALL_IS_GOOD: Steps = ((None, ILL), (0.95, ODD), (0.98, GOOD))
_STAGE_COLORS = {Stage.WATCH: CALM, Stage.LOW: ODD, Stage.HIGH: ILL}
DISK: Steps = ((None, GOOD), *((one.percent / 100, _STAGE_COLORS[one.stage]) for one in defaults() if one.stage in _STAGE_COLORS))
DAYS_LEFT: Steps = ((None, ILL), (7 * 86400, ODD), (30 * 86400, GOOD))
UP: Said = {"1": ("up", GOOD), "0": ("DOWN", ILL)}
ON: Said = {"1": ("on", GOOD), "0": ("OFF", ILL)}
STAGE: Said = {
    "0": ("normal", GOOD),
    "1": ("watch", CALM),
    "2": ("low", ODD),
    "3": ("high", ILL),
    "4": ("flood", ILL),
    "5": ("critical", ILL),
}


# Grafana's own, 150 pixels, drives columns out of small tables.
_LEAST_WIDTH = 60
# A cell of which nobody knows has no colour: neither good nor ill.
_UNSEEN = SpecialValueMap(
    DashboardSpecialValueMapOptions(match=SpecialValueMatch.NULL_AND_NAN, result=ValueMappingResult(text="", color="transparent"))
)


@dataclass(frozen=True)
class Column:
    """One column of a table: what a query says of each row. Without a query it is a label."""

    title: str
    query: str = ""
    unit: str = "none"
    steps: Steps = ()
    said: Said = field(default_factory=dict)
    width: int = 0
    decimals: int | None = None
    link: str = ""
    none: str = ""


def steps(found: Steps) -> ThresholdsConfig:
    """Return thresholds, the first of which has no lower end."""
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps([Threshold(value=value, color=color) for value, color in found])


def mapped(said: Said) -> ValueMap:
    """Return what is said instead of a number."""
    found = enumerate(said.items())
    return ValueMap({value: ValueMappingResult(text=text, color=color, index=at) for at, (value, (text, color)) in found})


def asked(query: str, legend: str = "", ref: str = "A") -> Dataquery:
    """Return a query over the range of time that is looked at."""
    return Dataquery().expr(query).legend_format(legend).ref_id(ref).datasource(SOURCE).range()


def last(query: str, legend: str) -> Dataquery:
    """Return a query of the end of the range, one series each: what vanished is not shown as it was."""
    return Dataquery().expr(query).legend_format(legend).ref_id("A").datasource(SOURCE).instant()


def now(query: str, ref: str) -> Dataquery:
    """Return a query of the end of the range, one row a series."""
    return Dataquery().expr(query).ref_id(ref).datasource(SOURCE).instant().format(PromQueryFormat.TABLE)


def number(
    title: str, says: str, query: str, unit: str, found: Steps, *, none: str = "", width: int = 4, **more: Any
) -> stat.Panel:
    """Return one big number on the colour of its step. `none` is what no data means; `said` names values."""
    panel = (
        stat.Panel().title(title).description(says).datasource(SOURCE).height(4).span(width).unit(unit).thresholds(steps(found))
    )
    panel = panel.with_target(last(query, title)).color_mode(kinds.BigValueColorMode.BACKGROUND_SOLID)
    panel = panel.graph_mode(kinds.BigValueGraphMode.NONE).text_mode(kinds.BigValueTextMode.VALUE)
    panel = panel.mappings([mapped(more["said"])]) if "said" in more else panel
    panel = panel.decimals(more["decimals"]) if "decimals" in more else panel
    return panel.no_value(none) if none else panel


def lines(title: str, says: str, queries: Mapping[str, str], unit: str, **more: Any) -> timeseries.Panel:
    """Return lines over time, by legend. `found`: steps drawn behind them; `stacked`; `least`, `most`: ends of the axis."""
    panel = timeseries.Panel().title(title).description(says).datasource(SOURCE).height(8).span(more.get("width", 12)).unit(unit)
    for at, (legend, query) in enumerate(queries.items()):
        panel = panel.with_target(asked(query, legend, chr(ord("A") + at)))
    panel = panel.line_width(2).fill_opacity(40 if more.get("stacked") else 6).show_points(kinds.VisibilityMode.NEVER)
    legend_of = common.VizLegendOptions().show_legend(True).display_mode(kinds.LegendDisplayMode.LIST)
    panel = panel.legend(legend_of.placement(kinds.LegendPlacement.BOTTOM).calcs([]))
    if more.get("stacked"):
        panel = panel.stacking(common.StackingConfig().mode(kinds.StackingMode.NORMAL).group("A"))
    if "found" in more:
        shown = common.GraphThresholdsStyleConfig().mode(kinds.GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds(steps(more["found"])).thresholds_style(shown)
    panel = panel.min(more["least"]) if "least" in more else panel
    panel = panel.axis_soft_max(more["most"]) if "most" in more else panel
    return panel.no_value(more["none"]) if "none" in more else panel


def bars(title: str, says: str, query: str, unit: str, found: Steps, legend: str, **more: Any) -> bargauge.Panel:
    """Return one bar a series, on the colour of its step."""
    panel = bargauge.Panel().title(title).description(says).datasource(SOURCE).height(8).span(more.get("width", 8)).unit(unit)
    panel = panel.with_target(last(query, legend)).thresholds(steps(found)).orientation(kinds.VizOrientation.HORIZONTAL)
    panel = panel.display_mode(kinds.BarGaugeDisplayMode.BASIC).min(more.get("least", 0))
    panel = panel.max(more["most"]) if "most" in more else panel
    return panel.no_value(more["none"]) if "none" in more else panel


def rows(title: str, says: str, labels: Sequence[Column], columns: Sequence[Column], **more: Any) -> table.Panel:
    """Return a table: a row for each combination of the labels, a column for each query; what is unknown stays empty.

    `order` in `more`: the titles of columns by which rows stand, the first one first, and whether each falls.
    """
    panel = table.Panel().title(title).description(says).datasource(SOURCE).unit("none")
    panel = panel.height(more.get("height", 8)).span(more.get("width", 24)).cell_height(kinds.TableCellHeight.SM)
    for at, column in enumerate(columns):
        panel = panel.with_target(now(column.query, chr(ord("A") + at)))
    for column in (*labels, *columns):
        panel = panel.override_by_name(column.title, list(_looks(column)))
    for transformation in _joined(labels, columns, more.get("hidden", ())):
        panel = panel.with_transformation(transformation)
    if order := more.get("order"):
        panel = panel.sort_by([common.TableSortByFieldState().display_name(name).desc(falling) for name, falling in order])
    return panel.no_value(more["none"]) if "none" in more else panel


def _joined(labels: Sequence[Column], columns: Sequence[Column], hidden: Sequence[str]) -> list[DataTransformerConfig]:
    one = len(columns) == 1
    named = {"Value" if one else f"Value #{chr(ord('A') + at)}": column.title for at, column in enumerate(columns)}
    order = {name: at for at, name in enumerate((*(label.query for label in labels), *named))}
    renamed = {label.query: label.title for label in labels} | named
    without = dict.fromkeys(("Time", *hidden), True)
    organised = DataTransformerConfig(
        id_val="organize", options={"excludeByName": without, "indexByName": order, "renameByName": renamed}
    )
    return [organised] if one else [DataTransformerConfig(id_val="merge", options={}), organised]


def _looks(column: Column) -> list[DynamicConfigValue]:
    found = {"unit": column.unit} if column.unit != "none" else {}
    looks: dict[str, Any] = dict(found)
    if column.steps or column.said:
        looks["color"] = {"mode": "thresholds"}
        looks["thresholds"] = steps(column.steps or PLAIN).build()
        looks["custom.cellOptions"] = {"type": "color-background", "mode": "basic"}
    if column.said:
        looks["mappings"] = [mapped(column.said)]
    if column.steps or column.said:
        looks["mappings"] = [*looks.get("mappings", []), _UNSEEN]
    looks["custom.width" if column.width else "custom.minWidth"] = column.width or _LEAST_WIDTH
    if column.decimals is not None:
        looks["decimals"] = column.decimals
    if column.none:
        looks["noValue"] = column.none
    if column.link:
        looks["links"] = [{"title": "Open", "url": column.link, "targetBlank": True}]
    return [DynamicConfigValue(id_val=name, value=value) for name, value in looks.items()]
