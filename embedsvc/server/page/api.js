// Talking to the service: one function, one kind of error, the API key.

const KEY = "embedsvc-api-key";
// Of this page: the service may stand behind a prefix.
export const base = new URL(".", location.href).href;

let key = "";
try {
  key = sessionStorage.getItem(KEY) ?? "";
} catch {
  // Without storage the key lasts as long as the page.
}

export const hasKey = () => key !== "";

export function setKey(value) {
  key = value;
  try {
    if (value) sessionStorage.setItem(KEY, value);
    else sessionStorage.removeItem(KEY);
  } catch {
    // As above.
  }
}

// Headers hold nothing else; the service makes no other keys.
export const isPossibleKey = (value) => /^[\x21-\x7e]+$/.test(value);

export class ServiceError extends Error {
  // status 0: nothing answered.
  constructor(message, { status = 0, param = null, code = null, retryAfter = null, id = null }) {
    super(message);
    Object.assign(this, { status, param, code, retryAfter, id });
  }
}

// What the service answers as JSON; aborts with the signal, throws ServiceError.
export async function ask(path, { body, signal } = {}) {
  const headers = {};
  if (key) headers.Authorization = `Bearer ${key}`;
  const options = { headers, signal, method: body === undefined ? "GET" : "POST" };
  if (body instanceof FormData) options.body = body;
  else if (body !== undefined) {
    headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const response = await reach(new URL(path, base), options);
  const text = await readText(response, signal);
  const answer = parsed(text);
  if (!response.ok) throw errorOf(response, answer);
  if (answer === undefined) {
    throw new ServiceError(
      `Expected JSON from ${path}, got something else. Is a proxy between this page and the service?`,
      { status: response.status },
    );
  }
  return answer;
}

async function reach(url, options) {
  try {
    return await fetch(url, options);
  } catch (err) {
    if (options.signal?.aborted) throw err;
    throw new ServiceError(
      "The service cannot be reached. Is it still running, and is this computer online?",
      {},
    );
  }
}

async function readText(response, signal) {
  try {
    return await response.text();
  } catch (err) {
    if (signal?.aborted) throw err;
    throw new ServiceError("The connection broke off before the answer was complete.", {});
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function errorOf(response, answer) {
  const { message, param = null, code = null } = answer?.error ?? {};
  const seconds = Number(response.headers.get("Retry-After") ?? NaN);
  return new ServiceError(
    message ?? `The service answered with status ${response.status} and said no more.`,
    {
      status: response.status,
      param,
      code,
      retryAfter: Number.isFinite(seconds) ? Math.max(seconds, 0) : null,
      id: response.headers.get("X-Request-Id"),
    },
  );
}
