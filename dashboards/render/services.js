// What the page of a Grafana server gives its panels before they run: registries, the way queries are run, one data source.
import {catchError, from, map, of} from 'rxjs';
import * as data from '@grafana/data';
import * as runtime from '@grafana/runtime';
import * as scenes from '@grafana/scenes';

// Everything that goes wrong, and each panel's state: the program that takes the picture reads it.
export const report = {panels: {}, faults: []};
window.report = report;

export const theme = data.createTheme({colors: {mode: 'dark'}});

const editor = (id, process = data.identityOverrideProcessor) => ({
  id, path: id, name: id, process, settings: {}, hideFromDefaults: false,
  editor: () => null, override: () => null, shouldApply: () => true,
});

// A property that is not registered is dropped without a word.
const standard = {
  actions: undefined, color: undefined, decimals: undefined, fieldMinMax: undefined, filterable: undefined, max: undefined, min: undefined,
  noValue: undefined, unit: undefined,
  displayName: data.displayNameOverrideProcessor,
  links: data.dataLinksOverrideProcessor,
  mappings: data.valueMappingsOverrideProcessor,
  thresholds: data.thresholdsOverrideProcessor,
};

export const transformers = new Map(Object.values(data.standardTransformers).map(one => [one.id, one]));

function setRegistries() {
  data.standardFieldConfigEditorRegistry.setInit(() => Object.entries(standard).map(([id, process]) => editor(id, process)));
  const kinds = ['boolean', 'color', 'fieldName', 'links', 'mappings', 'multi-select', 'number', 'radio', 'select', 'slider', 'stats-picker',
    'strings', 'text', 'thresholds', 'timezone', 'unit', 'actions', 'dashboard-uid', 'field-color'];
  data.standardEditorsRegistry.setInit(() => kinds.map(id => ({id, name: id, editor: () => null})));
  data.standardTransformersRegistry.setInit(() => [...transformers.values()].map(one => ({
    id: one.id, name: one.name, transformation: async () => one, editor: () => null, help: '', aliasIds: [],
  })));
}

function runRequest(source, request) {
  const answered = found => ({
    state: found.error ? data.LoadingState.Error : data.LoadingState.Done,
    series: found.data, timeRange: request.range, request, error: found.error, errors: found.error ? [found.error] : undefined,
  });
  return from(source.query(request)).pipe(map(answered), catchError(fault => of(answered({data: [], error: {message: String(fault)}}))));
}

export function setServices(source) {
  setRegistries();
  runtime.config.theme2 = theme;
  runtime.setAppEvents(new data.EventBusSrv());
  runtime.setChromeHeaderHeightHook(() => 0);
  runtime.setRunRequest(runRequest);
  runtime.setPluginImportUtils({
    getPanelPluginFromCache: () => undefined,
    importPanelPlugin: async id => { throw report.faults.push(`no such kind of panel: ${id}`), new Error(id); },
  });
  source.meta = {...source.meta, id: 'prometheus', name: 'Prometheus', info: {logos: {small: '', large: ''}}};
  const settings = {uid: source.uid, name: 'Prometheus', type: 'prometheus', isDefault: true, meta: source.meta, jsonData: {}, access: 'proxy', readOnly: true};
  scenes.sceneUtils.registerRuntimeDataSource({dataSource: source});
  runtime.setDataSourceSrv({
    get: async () => source,
    getInstanceSettings: () => settings,
    getList: filter => !filter?.pluginId || filter.pluginId === 'prometheus' ? [settings] : [],
    registerRuntimeDataSource() {}, reload() {},
  });
}
