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
  const isDone = Boolean(results) && isFetched(jobId);
  measures.pictureSuccess.add(isDone);
  if (isDone) measures.picturesCompleted.add(1);
}

// The job's id. Who is told to come again later does so, as long as there is patience.
function uploaded(dueMs) {
  while (patienceLeftS(dueMs) > 0) {
    const answer = gateway.upload();
    measures.uploadMs.add(answer.timings.duration);
    if (answer.status === ACCEPTED) return answer.json('job_id');
    if (!REFUSALS.includes(answer.status)) return failed('upload', answer);
    measures.picturesRefused.add(1);
    const afterS = Number(answer.headers['Retry-After']);
    if (!(afterS > 0)) {
      measures.refusalsWithoutAdvice.add(1);
      return failed('refusal', answer);
    }
    sleep(afterS);
  }
  return null;
}

function resultsOf(jobId, dueMs) {
  const beganMs = Date.now();
  while (patienceLeftS(dueMs) > 0) {
    const answer = gateway.waitFor(jobId);
    if (answer.status !== 200) return failed('status', answer);
    const status = answer.json('status');
    if (!WAITING.includes(status)) {
      measures.waitMs.add(Date.now() - beganMs);
      return status === 'completed' ? answer.json('results') : failed(`job ${status}`, answer);
    }
  }
  return null;
}

function isFetched(imageId) {
  const answer = gateway.fetchProcessed(imageId);
  measures.fetchMs.add(answer.timings.duration);
  return answer.status === 200 || Boolean(failed('processed', answer));
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
