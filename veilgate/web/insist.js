// Trying again what broke off or was refused for now: a gateway that starts anew behind a proxy is 503 for seconds.

const PASSING = new Set([429, 502, 503, 504]);
const MOST_IN_VAIN = 8;
const PAUSE_S = 1;
const LONGEST_PAUSE_S = 5;
// Who is to come back later than this hears why, and decides.
const LONGEST_WAIT_S = 60;

// `attempt` is given what to call when something arrived, and says whether all did. Only attempts in a row by which
// nothing arrived count. `pausing` hears of each pause, in seconds, and of the refusal, if it was one.
export async function insist(attempt, signal, pausing) {
  let inVain = 0;
  const arrived = () => { inVain = 0; };
  for (;;) {
    inVain += 1;
    let refusal;
    try {
      if (await attempt(arrived)) return;
    } catch (error) {
      if (signal.aborted || inVain >= MOST_IN_VAIN || !mayPass(error)) throw error;
      if (error.status) refusal = error;
    }
    if (inVain >= MOST_IN_VAIN) throw new Error("The connection broke again and again. What was asked goes on.");
    const waitS = refusal?.retryAfterS >= 0 ? refusal.retryAfterS : Math.min((inVain || 1) * PAUSE_S, LONGEST_PAUSE_S);
    pausing(waitS, refusal);
    await new Promise((resolve) => { setTimeout(resolve, waitS * 1000); });
  }
}

// What is not a refusal is a network that broke.
function mayPass({ status, retryAfterS }) {
  return !status || (PASSING.has(status) && !(retryAfterS > LONGEST_WAIT_S));
}
