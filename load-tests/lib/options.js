// The scenario in k6's words: arrivals that wait for nobody, and thresholds that end a run which has failed.

import { settings } from './settings.js';

const { scenario, ratePerS, durationS } = settings;

// k6 counts arrivals in whole numbers: so many in this time.
const UNIT_S = 60;
// k6 drops an arrival that finds no virtual user free, also while it makes another one.
const LONG_END_TO_END_S = 10;
const LONG_ANSWER_S = 3;
const LEAST_VUS = 10;
const TARGET_END_TO_END_S = 60;
// Enough samples that one slow start is not taken for a failed run.
const ABORT_FROM = '15s';

function arrivals(perS, exec, waitS) {
  const most = Math.max(LEAST_VUS, Math.ceil(perS * TARGET_END_TO_END_S));
  return {
    executor: 'ramping-arrival-rate',
    exec,
    startRate: perUnit(perS * scenario.from),
    timeUnit: `${UNIT_S}s`,
    stages: scenario.stages.map(({ part, to }) => ({
      duration: `${Math.round(part * durationS * 1000)}ms`,
      target: perUnit(perS * to),
    })),
    // Little's law: so many are under way at once when answers are late, and when the target is just met.
    preAllocatedVUs: Math.min(most, Math.max(LEAST_VUS, Math.ceil(perS * waitS))),
    maxVUs: most,
    gracefulStop: `${settings.patience_s}s`,
  };
}

function perUnit(perS) {
  return Math.max(1, Math.round(perS * UNIT_S));
}

function thresholds() {
  const found = {
    dropped_iterations: [{ threshold: 'count==0' }],
    // Of nothing all is well: a run in which nothing was sent must not pass.
    pictures_completed: [{ threshold: 'count>0' }],
  };
  for (const [metric, threshold] of Object.entries(scenario.thresholds)) {
    found[metric] = [{ threshold, abortOnFail: true, delayAbortEval: ABORT_FROM }];
  }
  if (scenario.is_kept_up_with) {
    // All completed in this time is so much of the rate that was asked for.
    const latestS = (durationS / settings.keeps_up_from).toFixed(1);
    found.completed_after_s = [{ threshold: `max<=${latestS}` }];
  }
  return found;
}

function scenarios() {
  const found = { pictures: arrivals(ratePerS, 'sendPicture', LONG_END_TO_END_S) };
  if (scenario.questions_per_picture) {
    found.questions = arrivals(ratePerS * scenario.questions_per_picture, 'askQuestion', LONG_ANSWER_S);
  }
  return found;
}

export const options = {
  scenarios: scenarios(),
  thresholds: thresholds(),
  setupTimeout: '120s',
  summaryTrendStats: ['med', 'p(95)', 'p(99)', 'p(99.9)', 'max', 'count'],
  // Every job has an address of its own: without these tags each would be a series.
  systemTags: ['scenario', 'status', 'method', 'name', 'error_code', 'expected_response'],
};
