// What is asked for, by the environment (`k6 run -e NAME=value …`), and what scenarios.json says of it.

const plan = JSON.parse(open('../scenarios.json'));
const MS_IN = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

const scenarioName = __ENV.SCENARIO || 'smoke';
const scenario = plan.scenarios[scenarioName];
if (!scenario) {
  throw new Error(`SCENARIO is one of ${Object.keys(plan.scenarios).join(', ')}, not ${scenarioName}`);
}

// `90s`, `5m`, `2h`, or seconds.
function secondsIn(text) {
  const found = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  if (!found) throw new Error(`DURATION is like 90s, 5m or 2h, not ${text}`);
  return (Number(found[1]) * MS_IN[found[2] || 's']) / 1000;
}

function positive(name, text) {
  const number = Number(text);
  if (!(number > 0)) throw new Error(`${name} is a number above 0, not ${text}`);
  return number;
}

export const settings = {
  ...plan,
  scenarioName,
  scenario,
  baseUrl: (__ENV.BASE_URL || 'http://127.0.0.1:8000').replace(/\/+$/, ''),
  apiKey: __ENV.API_KEY || '',
  ratePerS: positive('RATE', __ENV.RATE || scenario.rate_per_s),
  durationS: __ENV.DURATION ? positive('DURATION', secondsIn(__ENV.DURATION)) : scenario.duration_s,
  // Paths separated by commas, from the folder of the script; none = those of load-tests/pictures.
  picturePaths: (__ENV.PICTURES || '').split(',').filter(Boolean),
  summaryPath: __ENV.SUMMARY || '',
};
