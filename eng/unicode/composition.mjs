// Writes the canonical decompositions and combining classes that gpu-worker/Diffusion/Text/Unicode/Composition.cs reads, as Node's own
// normalization shows them:
//   node eng/unicode/composition.mjs > gpu-worker/Diffusion/Text/Unicode/composition.txt
// Lines: "class N FIRST LAST" (N orders the classes; the numbers are not Unicode's), "pair CODE A B" (A B compose to CODE),
// "apart CODE A..." (decomposes and is never composed). Hangul is computed, not listed.
const hangulFirst = 0xAC00, hangulLast = 0xD7A3, last = 0x10FFFF;
const hex = code => code.toString(16).toUpperCase();
const codes = text => [...text].map(sign => sign.codePointAt(0));
const isSurrogate = code => code >= 0xD800 && code <= 0xDFFF;
const isHangul = code => code >= hangulFirst && code <= hangulLast;

// Characters since Unicode 10, which the tables of Hugging Face's tokenizers (0.22) do not have: they leave them as they are, and so do we.
const later = `
7FD 897-89F 8CA-8D3 9FE C3C D3B-D3C EBA 1715 1ABF-1ADD 1AE0-1AEB 1DF6-1DFA A82C 105C9 105E4 10D24-10D27 10D69-10D6D
10EAB-10EAC 10EFA-10EFB 10EFD-10EFF 10F46-10F50 10F82-10F85 11070 1133B 11383 11385 1138E 11391 113C5 113C7-113C8
113CE-113D0 1145E 11839-1183A 11938 1193D-1193E 11943 119E0 11A34 11A47 11A99 11D42 11D44-11D45 11D97 11F41-11F42
16121-16128 1612F 16D68-16D6A 16FF0-16FF1 1E08F 1E130-1E136 1E2AE 1E2EC-1E2EF 1E4EC-1E4EF 1E5EE-1E5EF 1E6E3 1E6E6
1E6EE-1E6EF 1E6F5
`.trim().split(/\s+/).map(range => range.split('-').map(code => parseInt(code, 16)));
const isLater = code => later.some(([first, end = first]) => first <= code && code <= end);

const all = [];
for (let code = 0; code <= last; code++) {
  if (!isSurrogate(code) && !isHangul(code) && !isLater(code)) all.push(String.fromCodePoint(code));
}

// Two marks change places where the class of the first is higher.
const swaps = (first, second) => (first + second).normalize('NFD') === second + first && first !== second;
const low = '\u0334', high = '\u0345';
const marks = all.filter(sign => sign.normalize('NFD') === sign && (swaps(sign, low) || swaps(high, sign) || sign === low || sign === high));
const order = (left, right) => swaps(left, right) ? 1 : swaps(right, left) ? -1 : left.codePointAt(0) - right.codePointAt(0);
marks.sort(order);
const classOf = new Map();
let number = 0;
marks.forEach((mark, index) => {
  if (index === 0 || swaps(mark, marks[index - 1])) number++;
  classOf.set(mark.codePointAt(0), number);
});
const sorted = [...classOf.keys()].sort((left, right) => left - right);
for (let begin = 0; begin < sorted.length;) {
  let end = begin;
  while (sorted[end + 1] === sorted[end] + 1 && classOf.get(sorted[end + 1]) === classOf.get(sorted[begin])) end++;
  console.log(`class ${classOf.get(sorted[begin])} ${hex(sorted[begin])} ${hex(sorted[end])}`);
  begin = end + 1;
}

for (const sign of all) {
  const parts = [...sign.normalize('NFD')];
  if (parts.join('') === sign) continue;
  const first = parts.slice(0, -1).join('').normalize('NFC'), second = parts.at(-1);
  const isPair = sign.normalize('NFC') === sign && [...first].length === 1 && (first + second).normalize('NFC') === sign;
  console.log(isPair
    ? `pair ${hex(sign.codePointAt(0))} ${hex(first.codePointAt(0))} ${hex(second.codePointAt(0))}`
    : `apart ${[sign.codePointAt(0), ...codes(parts.join(''))].map(hex).join(' ')}`);
}
