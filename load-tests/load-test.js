// Load on a Veilgate by its public API; docs/load-tests.md says more.
//
//   k6 run -e SCENARIO=steady -e RATE=5 -e DURATION=1m -e BASE_URL=http://127.0.0.1:8000 load-tests/load-test.js
//
// SCENARIO  smoke (if none is named), steady, spike, soak or mixed: see scenarios.json
// RATE      pictures a second, at the scenario's peak
// DURATION  90s, 5m, 2h
// BASE_URL  http://127.0.0.1:8000 if none is named
// API_KEY   a key with the scopes upload and read, where the gateway asks for one
// PICTURES  paths of JPEG files of your own, separated by commas
// SUMMARY   a file to write the numbers to, as JSON
//
// Ends with 99 when a threshold was missed.

import { question, pictureJourney } from './lib/journeys.js';
import { opening } from './lib/opening.js';
import { asText, report } from './lib/report.js';
import { settings } from './lib/settings.js';

export { options } from './lib/options.js';

export function setup() {
  return opening();
}

export function sendPicture() {
  pictureJourney();
}

export function askQuestion(imageIds) {
  question(imageIds);
}

export function handleSummary(data) {
  const told = report(data);
  const written = { stdout: asText(told) };
  if (settings.summaryPath) written[settings.summaryPath] = `${JSON.stringify(told, null, 2)}\n`;
  return written;
}
