// What one arrival does: sends a picture and waits for its veiled copy, or asks a question.

import { sleep } from 'k6';
import exec from 'k6/execution';
import * as gateway from './gateway.js';
import * as measures from './measures.js';
import { settings } from './settings.js';

const ACCEPTED = 202;
const REFUSALS = [429, 503];
const WAITING = ['submitted', 'processing'];

// The whole life of a picture. It failed when it was not taken, did not complete, or cannot be fetched.
export function pictureJourney() {
  const dueMs = Date.now();
  const jobId = uploaded(dueMs);
  const results = jobId && resultsOf(jobId, dueMs);
  if (results) noteCompletion(results, dueMs);
  const isDone = Boolean(results) && isFetched(jobId, dueMs);
  measures.pictureSuccess.add(isDone);
  if (isDone) measures.picturesCompleted.add(1);
}

function uploaded(dueMs) {
  const answer = granted(gateway.upload, dueMs, measures.uploadMs);
  return answer.status === ACCEPTED ? answer.json('job_id') : failed('upload', answer);
}

function resultsOf(jobId, dueMs) {
  const beganMs = Date.now();
  while (patienceLeftS(dueMs) > 0) {
    const answer = granted(() => gateway.waitFor(jobId), dueMs);
    if (answer.status !== 200) return failed('status', answer);
    const status = answer.json('status');
    if (!WAITING.includes(status)) {
      measures.waitMs.add(Date.now() - beganMs);
      return status === 'completed' ? answer.json('results') : failed(`job ${status}`, answer);
    }
  }
  return null;
}

function isFetched(imageId, dueMs) {
  const answer = granted(() => gateway.fetchProcessed(imageId), dueMs, measures.fetchMs);
  return answer.status === 200 || Boolean(failed('processed', answer));
}

// Who is told to come again later does so, as long as there is patience: the house refuses uploads when its
// queue is full, and a proxy any call when one address has too many connections. Then it is the last refusal.
function granted(call, dueMs, trend) {
  for (;;) {
    const answer = call();
    if (trend) trend.add(answer.timings.duration);
    if (!REFUSALS.includes(answer.status)) return answer;
    measures.picturesRefused.add(1);
    const afterS = Number(answer.headers['Retry-After']);
    if (!(afterS > 0)) {
      measures.refusalsWithoutAdvice.add(1);
      return answer;
    }
    sleep(afterS);
    if (patienceLeftS(dueMs) <= 0) return answer;
  }
}

function noteCompletion(results, dueMs) {
  measures.endToEndMs.add(Date.now() - dueMs);
  measures.completedAfterS.add((Date.now() - exec.scenario.startTime) / 1000);
  measures.queueMs.add(results.queue_time * 1000);
  for (const [stage, { outcome, ms }] of Object.entries(results.stages)) {
    if (outcome === 'produced' && measures.stageMs[stage]) measures.stageMs[stage].add(ms);
  }
}

export function question(imageIds) {
  const imageId = imageIds[Math.floor(Math.random() * imageIds.length)];
  const name = drawnQuestion();
  const answer = gateway.questions[name](imageId);
  measures.questionMs.add(answer.timings.duration, { question: name });
  measures.questionSuccess.add(answer.status === 200);
  if (answer.status !== 200) failed(`question ${name}`, answer);
}

function drawnQuestion() {
  let left = Math.random();
  const shares = Object.entries(settings.question_shares);
  for (const [name, share] of shares) {
    left -= share;
    if (left < 0) return name;
  }
  return shares[0][0];
}

function patienceLeftS(dueMs) {
  return settings.patience_s - (Date.now() - dueMs) / 1000;
}

function failed(what, answer) {
  console.error(`${what}: ${answer.status} ${answer.error || String(answer.body).slice(0, 300)}`);
  return null;
}
