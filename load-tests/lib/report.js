// What a run came to: a short text for people, and a document of the form that bench/load.py writes too.

import { timesMs } from './measures.js';
import { settings } from './settings.js';

const CUTS = { p50: 'med', p95: 'p(95)', p99: 'p(99)', p99_9: 'p(99.9)', max: 'max' };

export function report(data) {
  const { metrics } = data;
  const thresholds = judged(metrics);
  const completed = value(metrics, 'pictures_completed', 'count');
  const lastCompletedS = value(metrics, 'completed_after_s', 'max');
  return {
    tool: 'k6',
    scenario: settings.scenarioName,
    rate_per_s: settings.ratePerS,
    duration_s: settings.durationS,
    pictures: {
      completed,
      failed: value(metrics, 'picture_success', 'fails'),
      refused: value(metrics, 'pictures_refused', 'count'),
      dropped: value(metrics, 'dropped_iterations', 'count'),
    },
    images_per_s: rounded(completed / (lastCompletedS || settings.durationS)),
    times_ms: timesIn(metrics),
    thresholds,
    is_passed: thresholds.every(({ is_met: isMet }) => isMet),
  };
}

function timesIn(metrics) {
  const found = {};
  for (const name of timesMs) {
    const values = metrics[name] ? metrics[name].values : { count: 0 };
    if (!values.count) continue;
    found[name] = { count: values.count };
    for (const [cut, key] of Object.entries(CUTS)) found[name][cut] = rounded(values[key]);
  }
  return found;
}

function judged(metrics) {
  const found = [];
  for (const [metric, { thresholds = {} }] of Object.entries(metrics)) {
    for (const [is, { ok }] of Object.entries(thresholds)) found.push({ metric, is, is_met: ok });
  }
  return found;
}

export function asText(told) {
  const { pictures } = told;
  const lines = [
    `${told.scenario} at ${told.rate_per_s}/s for ${told.duration_s} s, by ${told.tool}`,
    `${pictures.completed} completed, ${pictures.failed} failed, ${pictures.refused} refusals, ` +
      `${pictures.dropped} dropped; ${told.images_per_s} images/s`,
    '',
    ['ms'.padEnd(28), ...['count', ...Object.keys(CUTS)].map((cut) => cut.padStart(9))].join(''),
  ];
  for (const [name, cuts] of Object.entries(told.times_ms)) {
    const cells = Object.values(cuts).map((cut) => String(Math.round(cut)).padStart(9));
    lines.push([name.padEnd(28), ...cells].join(''));
  }
  lines.push('');
  for (const { metric, is, is_met: isMet } of told.thresholds) {
    lines.push(`${isMet ? 'met   ' : 'MISSED'} ${metric} ${is}`);
  }
  return `${lines.join('\n')}\n`;
}

function value(metrics, name, key) {
  return metrics[name] ? metrics[name].values[key] : 0;
}

function rounded(number) {
  return Math.round(number * 100) / 100;
}
