// A dashboard's JSON as a page without a Grafana server: Grafana's own scenes, panels and variables.
import 'uplot/dist/uPlot.min.css';
import 'react-grid-layout/css/styles.css';
import 'react-resizable/css/styles.css';
import React from 'react';
import {createRoot} from 'react-dom/client';
import {MemoryRouter} from 'react-router-dom';
import * as i18n from '@grafana/i18n';
import * as scenes from '@grafana/scenes';
import * as ui from '@grafana/ui';
import {registerPanels} from './panels.jsx';
import {Prometheus} from './prometheus.js';
import {report, setServices, theme, transformers} from './services.js';

const given = new URLSearchParams(location.search);

function drawn(panel) {
  for (const {id} of panel.transformations ?? []) if (!transformers.has(id)) report.faults.push(`${panel.title}: no transformation ${id}`);
  const queries = new scenes.SceneQueryRunner({datasource: panel.datasource, queries: panel.targets});
  return new scenes.VizPanel({
    key: `panel-${panel.id}`, title: panel.title, pluginId: panel.type, options: panel.options ?? {},
    fieldConfig: {defaults: {}, overrides: [], ...panel.fieldConfig},
    $data: new scenes.SceneDataTransformer({$data: queries, transformations: panel.transformations ?? []}),
  });
}

const placed = panel => new scenes.SceneGridItem({
  x: panel.gridPos.x, y: panel.gridPos.y, width: panel.gridPos.w, height: panel.gridPos.h, body: drawn(panel),
});

// A row holds the panels that follow it.
function grid(panels) {
  const found = [];
  for (const panel of panels) {
    const last = found.at(-1);
    if (panel.type === 'row') found.push(new scenes.SceneGridRow({title: panel.title, x: 0, y: panel.gridPos.y, children: []}));
    else if (last instanceof scenes.SceneGridRow) last.setState({children: [...last.state.children, placed(panel)]});
    else found.push(placed(panel));
  }
  return found;
}

function variable({name, label, type, query, datasource, multi, includeAll, current}) {
  if (type === 'datasource') return new scenes.DataSourceVariable({name, label, pluginId: query});
  const value = given.get(`var-${name}`) ?? current?.value ?? '';
  if (type === 'query') return new scenes.QueryVariable({name, label, datasource, query, isMulti: multi, includeAll, value, text: value, refresh: 1});
  throw report.faults.push(`no such kind of variable: ${type}`), new Error(type);
}

function scene(dashboard) {
  return new scenes.EmbeddedScene({
    $timeRange: new scenes.SceneTimeRange({from: given.get('from'), to: given.get('to'), timeZone: 'utc'}),
    $variables: new scenes.SceneVariableSet({variables: dashboard.templating.list.map(variable)}),
    controls: [new scenes.VariableValueSelectors({}), new scenes.SceneControlsSpacer(), new scenes.SceneTimePicker({})],
    body: new scenes.SceneGridLayout({isDraggable: false, isLazy: false, children: grid(dashboard.panels)}),
  });
}

async function show() {
  setServices(new Prometheus('prometheus', 'prometheus'));
  registerPanels();
  await i18n.initPluginTranslations('scenes');
  const dashboard = await (await fetch(given.get('dashboard'))).json();
  const made = scene(dashboard);
  report.expected = dashboard.panels.filter(panel => panel.type !== 'row').map(panel => panel.title);
  const look = {background: theme.colors.background.canvas, color: theme.colors.text.primary, minHeight: '100vh', padding: 8, display: 'flex', flexDirection: 'column'};
  createRoot(document.getElementById('page')).render(
    <MemoryRouter>
      <ui.ThemeContext.Provider value={theme}>
        <ui.GlobalStyles/>
        <div style={look}><h3 style={{margin: 8}}>{dashboard.title}</h3><made.Component model={made}/></div>
      </ui.ThemeContext.Provider>
    </MemoryRouter>,
  );
}
show().catch(fault => report.faults.push(String(fault.stack)));
