// The kinds of panels that the dashboards use, drawn by Grafana's own components.
import React from 'react';
import * as data from '@grafana/data';
import * as scenes from '@grafana/scenes';
import * as ui from '@grafana/ui';
import {TableNG} from '@grafana/ui/unstable';
import {report, theme} from './services.js';

const seen = (panel, series) => { report.panels[panel.title] = {state: panel.data.state, series}; };
const nothing = panel => <div style={{padding: 16, color: theme.colors.text.secondary}}>{panel.fieldConfig.defaults.noValue ?? 'No data'}</div>;

function Lines(panel) {
  const frames = panel.data.series.filter(frame => frame.length);
  seen(panel, frames.length);
  if (!frames.length) return nothing(panel);
  return <ui.TimeSeries frames={frames} structureRev={panel.data.structureRev} timeRange={panel.timeRange} timeZone={panel.timeZone}
    width={panel.width} height={panel.height} legend={panel.options.legend} options={panel.options} replaceVariables={panel.replaceVariables}/>;
}

const reduced = panel => data.getFieldDisplayValues({
  data: panel.data.series, fieldConfig: panel.fieldConfig, replaceVariables: panel.replaceVariables, theme, timeZone: panel.timeZone,
  reduceOptions: {values: false, calcs: ['lastNotNull'], ...panel.options.reduceOptions},
});

// One drawing for each series, in a grid or a column.
const each = (draw, ifNothing) => panel => {
  seen(panel, panel.data.series.length);
  if (!panel.data.series.length) return ifNothing(panel);
  return <ui.VizRepeater getValues={() => reduced(panel)} renderValue={one => draw(one, panel)} width={panel.width} height={panel.height}
    source={panel.data} autoGrid itemSpacing={4} renderCounter={panel.renderCounter} orientation={panel.options.orientation ?? 'auto'}/>;
};

const big = (value, {width, height}, options) => <ui.BigValue theme={theme} width={width} height={height} value={value}
  colorMode={options.colorMode} graphMode={options.graphMode} justifyMode="auto" textMode={options.textMode}/>;
const Numbers = each(
  (one, panel) => big(one.value.display, one, panel.options),
  panel => big({text: panel.fieldConfig.defaults.noValue ?? 'No data', numeric: NaN, color: theme.visualization.getColorByName('text')}, panel,
    {...panel.options, colorMode: 'value'}),
);

const Bars = each((one, panel) => <ui.BarGauge theme={theme} width={one.width} height={one.height} value={one.value.display} field={one.value.field}
  display={data.getDisplayProcessor({field: {type: data.FieldType.number, config: one.value.field}, theme})}
  orientation={one.orientation} displayMode={panel.options.displayMode} itemSpacing={8} lcdCellWidth={12} showUnfilled
  valueDisplayMode={panel.options.valueMode}/>, nothing);

function Rows(panel) {
  const frame = panel.data.series.find(one => one.length);
  seen(panel, frame?.length ?? 0);
  if (!frame) return nothing(panel);
  data.cacheFieldDisplayNames([frame]);
  return <TableNG data={frame} width={panel.width} height={panel.height} cellHeight={panel.options.cellHeight} initialSortBy={panel.options.sortBy ?? []} noHeader={false}
    showTypeIcons={false} enablePagination={false} enableVirtualization={false} frozenColumns={0} fieldConfig={panel.fieldConfig}
    structureRev={panel.data.structureRev} timeRange={panel.timeRange}/>;
}

// Defaults of each kind's own properties; one that is not named here would be dropped.
const LINES = {
  axisBorderShow: false, axisCenteredZero: false, axisColorMode: 'text', axisGridShow: undefined, axisLabel: undefined, axisPlacement: 'auto',
  axisSoftMax: undefined, axisSoftMin: undefined, barAlignment: 0, barWidthFactor: 0.6, drawStyle: 'line', fillOpacity: 0, gradientMode: 'none',
  hideFrom: {legend: false, tooltip: false, viz: false}, insertNulls: false, lineInterpolation: 'linear', lineStyle: undefined, lineWidth: 1,
  pointSize: 5, scaleDistribution: {type: 'linear'}, showPoints: 'auto', showValues: undefined, spanNulls: false,
  stacking: {mode: 'none', group: 'A'}, thresholdsStyle: {mode: 'off'}, transform: undefined,
};
const ROWS = {align: 'auto', cellOptions: {type: 'auto'}, filterable: false, hidden: undefined, inspect: false, minWidth: undefined, width: undefined};

function register(pluginId, Drawn, own, colors) {
  const editor = ([path, defaultValue]) => ({
    id: path, path, name: path, defaultValue, process: data.identityOverrideProcessor,
    editor: () => null, override: () => null, shouldApply: () => true,
  });
  const plugin = new data.PanelPlugin(Drawn).useFieldConfig({
    useCustomConfig: builder => Object.entries(own).map(editor).forEach(one => builder.addCustomEditor(one)),
    standardOptions: {color: {defaultValue: {mode: colors}}},
  });
  scenes.sceneUtils.registerRuntimePanelPlugin({pluginId, plugin});
}

export function registerPanels() {
  register('timeseries', Lines, LINES, 'palette-classic');
  register('stat', Numbers, {}, 'thresholds');
  register('bargauge', Bars, {}, 'thresholds');
  register('table', Rows, ROWS, 'thresholds');
}
