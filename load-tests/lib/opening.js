// Before the load: whether there is a gateway, and a few pictures to ask questions about.

import { fail, sleep } from 'k6';
import * as gateway from './gateway.js';
import { settings } from './settings.js';

const PICTURES = 4;
const INDEX_TIMEOUT_S = 60;

// The images that questions are about; none where none are asked.
export function opening() {
  const answer = gateway.ready();
  if (answer.status !== 200) fail(`${settings.baseUrl} is not ready: ${answer.status} ${answer.error}`);
  if (!settings.scenario.questions_per_picture) return [];
  const imageIds = [];
  for (let number = 0; number < PICTURES; number += 1) imageIds.push(completed(gateway.upload()));
  waitForIndex(imageIds[0]);
  return imageIds;
}

function completed(accepted) {
  if (accepted.status !== 202) fail(`not taken: ${accepted.status} ${accepted.body}`);
  const jobId = accepted.json('job_id');
  const ended = gateway.waitFor(jobId);
  if (ended.json('status') !== 'completed') fail(`not done: ${ended.status} ${ended.body}`);
  return jobId;
}

// A search server that has just started builds its index first.
function waitForIndex(imageId) {
  for (let waitedS = 0; waitedS < INDEX_TIMEOUT_S; waitedS += 1) {
    if (gateway.questions.similar(imageId).status === 200) return;
    sleep(1);
  }
  fail(`nothing is found that is like image ${imageId}`);
}
