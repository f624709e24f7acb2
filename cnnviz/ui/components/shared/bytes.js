// How pixels and numbers arrive: as base64, packed by encode.py.

export const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

export const floats = (text) => new Float32Array(bytes(text).buffer);
