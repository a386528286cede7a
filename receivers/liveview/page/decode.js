// Binary updates: a length, a header in JSON, and arrays that are used where they lie.

const TYPES = { "<u4": Uint32Array, "<i4": Int32Array, "<f4": Float32Array, "<f8": Float64Array };

// The header's values, and `arrays`: by name, each with `values` (a typed array) and `shape`.
export function decodeUpdate(buffer) {
  if (buffer.byteLength < 8) throw new Error(`an update of ${buffer.byteLength} bytes`);
  const length = new DataView(buffer).getUint32(0, true);
  if (length > buffer.byteLength - 4) throw new Error(`a header of ${length} bytes in an update of ${buffer.byteLength}`);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const arrays = {};
  for (const description of header.arrays) arrays[description.name] = decodeArray(buffer, description);
  return { ...header, arrays };
}

function decodeArray(buffer, { name, dtype, shape, offset }) {
  const Type = TYPES[dtype];
  if (Type === undefined) throw new Error(`array ${name} of unknown type ${dtype}`);
  const size = shape.reduce((product, n) => product * n, 1);
  if (offset + size * Type.BYTES_PER_ELEMENT > buffer.byteLength) throw new Error(`array ${name} is cut off`);
  return { values: new Type(buffer, offset, size), shape };
}

// Row `index` of an array of two axes; a view, no copy.
export function row(array, index) {
  const length = array.shape[1];
  return array.values.subarray(index * length, (index + 1) * length);
}
