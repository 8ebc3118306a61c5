// What is measured, under the names that scenarios.json has thresholds for and bench/load.py uses too.

import { Counter, Rate, Trend } from 'k6/metrics';
import { settings } from './settings.js';

export const picturesCompleted = new Counter('pictures_completed');
export const picturesRefused = new Counter('pictures_refused');
export const refusalsWithoutAdvice = new Counter('refusals_without_advice');
export const pictureSuccess = new Rate('picture_success');
export const questionSuccess = new Rate('question_success');

// Counted from when the load began. The last one tells whether the house kept up.
export const completedAfterS = new Trend('completed_after_s');

// In the order in which they are reported.
export const timesMs = [];

function timed(name) {
  timesMs.push(name);
  return new Trend(name);
}

// As the caller sees it. `end_to_end_ms` begins when the picture was due, and ends when its job has.
export const endToEndMs = timed('end_to_end_ms');
export const uploadMs = timed('upload_ms');
export const waitMs = timed('wait_ms');
export const fetchMs = timed('fetch_ms');

// As the house says it in `results`.
export const queueMs = timed('queue_ms');
export const stageMs = Object.fromEntries(
  settings.house_stages.map((stage) => [stage, timed(`stage_${stage}_ms`)]),
);

export const questionMs = timed('question_ms');
