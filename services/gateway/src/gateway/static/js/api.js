// Talking to the hub. The session cookie is sent by the browser; scripts cannot see it.

export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

async function call(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "UNREACHABLE", "The hub cannot be reached.");
  }
  if (response.status === 204) return null;
  const body = await response.json().catch(() => null);
  if (response.ok && body) return body;
  const told = body?.error ?? {};
  throw new ApiError(response.status, told.code ?? "UNKNOWN", told.message ?? `The hub answered ${response.status}.`);
}

export const get = (path, query = {}, signal = undefined) => {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value != null);
  const text = new URLSearchParams(given).toString();
  return call(text ? `${path}?${text}` : path, { signal });
};

export const signIn = (key) =>
  call("/session", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ api_key: key }),
  });

export const signOut = () => call("/session", { method: "DELETE" });
