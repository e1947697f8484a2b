// The command that does in a shell what the page has just done.

// For sh, bash and zsh: nothing is special within single quotes, except their end.
export function shellQuote(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function authorization(withKey) {
  return withKey ? ['-H "Authorization: Bearer $EMBEDSVC_API_KEY"'] : [];
}

export function jsonCommand(url, body, withKey) {
  return joined([
    `curl ${shellQuote(url)}`,
    ...authorization(withKey),
    "-H 'Content-Type: application/json'",
    `-d ${shellQuote(JSON.stringify(body))}`,
  ]);
}

// curl reads a file's name up to a comma or semicolon, unless it stands in double quotes.
function filePart(name) {
  const plain = /^[^",;\\]+$/.test(name);
  const quoted = `"${name.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
  return `-F ${shellQuote(`image=@${plain ? name : quoted}`)}`;
}

export function filesCommand(url, fields, names, withKey) {
  return joined([
    `curl ${shellQuote(url)}`,
    ...authorization(withKey),
    // --form-string where -F would take the value for a file's name or cut it.
    ...Object.entries(fields).map(([name, value]) =>
      `${/^[\w.-]*$/.test(value) ? "-F" : "--form-string"} ${shellQuote(`${name}=${value}`)}`),
    ...names.map(filePart),
  ]);
}

const joined = (parts) => parts.join(" \\\n  ");
