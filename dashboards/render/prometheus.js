// A data source for Prometheus, as far as the dashboards need one: Grafana's own has another licence.
import * as data from '@grafana/data';
import * as scenes from '@grafana/scenes';
import {report} from './services.js';

const STEP_SECONDS = 5;
// Grafana's own choice: four scrapes, or a step and a scrape.
const RATE_SECONDS = 60;

async function asked(page, words) {
  const answer = await (await fetch(`/api/v1/${page}?${new URLSearchParams(words)}`)).json();
  if (answer.status !== 'success') throw new Error(answer.error);
  return answer.data;
}

const pattern = value => Array.isArray(value) ? (value.length === 1 ? value[0] : `(${value.join('|')})`) : value;
const named = (legend, labels) => legend.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => labels[label] ?? '');
const times = values => ({name: 'Time', type: data.FieldType.time, values: values.map(at => at * 1000), config: {}});

export class Prometheus extends scenes.RuntimeDataSource {
  async query(request) {
    const found = [];
    for (const target of request.targets) {
      try {
        found.push(...await this.frames(target, request));
      } catch (fault) {
        report.faults.push(`${target.expr}: ${fault.message}`);
        return {data: found, error: {message: fault.message, refId: target.refId}};
      }
    }
    return {data: found};
  }

  async frames(target, request) {
    const end = Math.floor(request.range.to.valueOf() / 1000), start = Math.floor(request.range.from.valueOf() / 1000);
    const step = Math.max(STEP_SECONDS, Math.ceil(request.intervalMs / 1000));
    const query = this.filled(target.expr, request, {rate: Math.max(RATE_SECONDS, step + 15), step, range: end - start});
    if (target.instant) {
      const {result} = await asked('query', {query, time: end});
      if (target.format === 'table') return [this.rows(target.refId, request.targets.length > 1, result)];
      return result.map(series => this.line(target, {...series, values: [series.value]}));
    }
    const {result} = await asked('query_range', {query, start: start - start % step, end: end - end % step, step});
    return result.map(series => this.line(target, series));
  }

  filled(expr, request, {rate, step, range}) {
    const own = {__rate_interval: {value: `${rate}s`}, __interval: {value: `${step}s`}, __range: {value: `${range}s`}};
    const scene = request.scopedVars?.__sceneObject?.value?.valueOf?.();
    return scenes.sceneGraph.interpolate(scene, expr, {...request.scopedVars, ...own}, pattern);
  }

  // Of several queries in one table each has its own column, named as Grafana names them.
  rows(refId, several, result) {
    const labels = [...new Set(result.flatMap(row => Object.keys(row.metric)))].sort();
    const texts = labels.map(name => ({name, type: data.FieldType.string, values: result.map(row => row.metric[name] ?? ''), config: {}}));
    const numbers = {name: several ? `Value #${refId}` : 'Value', type: data.FieldType.number, values: result.map(row => +row.value[1]), config: {}};
    return data.toDataFrame({refId, fields: [times(result.map(row => row.value[0])), ...texts, numbers]});
  }

  line(target, series) {
    const name = target.legendFormat ? named(target.legendFormat, series.metric) : undefined;
    const config = name ? {displayNameFromDS: name} : {};
    const numbers = {name: 'Value', type: data.FieldType.number, labels: series.metric, config, values: series.values.map(([, value]) => +value)};
    return data.toDataFrame({refId: target.refId, name, fields: [times(series.values.map(([at]) => at)), numbers]});
  }

  async metricFindQuery(asking, options) {
    const scene = options?.scopedVars?.__sceneObject?.value?.valueOf?.();
    const query = scenes.sceneGraph.interpolate(scene, asking.query ?? asking, options?.scopedVars, pattern);
    const [, series, label] = /^label_values\((?:(.+),\s*)?(\w+)\)$/.exec(query) ?? [];
    if (!label) throw report.faults.push(`a variable asks ${query}`), new Error('not understood');
    return (await asked(`label/${label}/values`, series ? {'match[]': series} : {})).map(text => ({text}));
  }
}
