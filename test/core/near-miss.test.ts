// What a lenient upstream would read as another route is never forwarded, and ordinary paths are.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { compileNearMissGuard, isNearMiss } from '../../src/core/near-miss.ts'
import { compileRoutes, isWrongMethod, matchRoute, type Route } from '../../src/core/route.ts'
import { isRefused, parseTarget } from '../../src/core/target.ts'
import { readLeniently, type Leniency } from './lenient-upstream.ts'
import { aRoute, readShared } from './fixtures.ts'

function gate(...routes: readonly Route[]) {
  const table = compileRoutes(routes)
  const guard = compileNearMissGuard(routes)
  return (raw: string, method = 'GET'): string => {
    const target = parseTarget(raw)
    if (isRefused(target)) return 'refused'
    const match = matchRoute(table, method, target.path)
    const plain = match === undefined || isWrongMethod(match) ? undefined : match.route
    if (isNearMiss(guard, plain, method, target.path)) return 'near miss'
    return plain?.id ?? (match === undefined ? 'no route' : 'wrong method')
  }
}

const ALL = aRoute('/{rest*}', { id: 'all', methods: ['GET', 'POST'] })
const strict = gate(
  aRoute('/foo/bar', { id: 'locked' }),
  aRoute('/records/{recordId}', { id: 'record' }),
  aRoute('/getRecord/{recordId}', { id: 'capital' }),
  aRoute('/kiss/list', { id: 'kiss' }),
  aRoute('/caf\u00e9/menu', { id: 'cafe' }),
  aRoute('/verbs:list', { id: 'colon' }),
  aRoute('/v2/list', { id: 'digit' }),
  aRoute('/order-list/x_y~z', { id: 'marks' }),
  ALL,
)

describe('a lenient reading of a strict route, beside a catch-all', () => {
  test.each([
    ['other case', '/Foo/bar'],
    ['all capitals', '/FOO/BAR'],
    ['other case before a parameter', '/Records/7'],
    ['a literal with capitals, in small letters', '/getrecord/7'],
    ['parameters', '/foo/bar;x=1'],
    ['parameters in the middle', '/foo;x/bar'],
    ['empty parameters', '/foo/bar;'],
    ['an encoded semicolon', '/foo/bar%3Bx'],
    ['a segment of parameters alone', '/;x/foo/bar'],
    ['a segment of parameters at the end', '/foo/bar/;x'],
    ['a trailing dot', '/foo/bar.'],
    ['a trailing dot in the middle', '/foo./bar'],
    ['many trailing dots', '/foo/bar...'],
    ['a trailing space', '/foo/bar%20'],
    ['a leading space', '/foo/%20bar'],
    ['trailing dots and spaces', '/foo/bar%20.%20.'],
    ['a no-break space', '/foo/bar%C2%A0'],
    ['a segment of space', '/foo/%20/bar'],
    ['a trailing slash', '/foo/bar/'],
    ['double encoding', '/foo/b%2561r'],
    ['triple encoding', '/foo/b%252561r'],
    ['encoding many times over', '/foo/b%252525252525252561r'],
    ['an encoding of Microsoft', '/foo/b%25u0061r'],
    ['a slash encoded twice', '/foo%252Fbar'],
    ['a hyphen', '/order%E2%80%90list/x_y~z'],
    ['a hyphen that does not break', '/order%E2%80%91list/x_y~z'],
    ['a minus', '/order%E2%88%92list/x_y~z'],
    ['a dash', '/order%E2%80%93list/x_y~z'],
    ['a low macron', '/order-list/x%CB%8Dy~z'],
    ['a tilde operator', '/order-list/x_y%E2%88%BCz'],
    ['a letter of phonetics', '/foo/%E1%B5%ACar'],
    ['a slash of mathematics', '/foo%E2%9F%8Bbar'],
    ['a request line written anew', '/foo/bar%20HTTP/1.1'],
    ['a request line written anew, decoded twice', '/foo/bar%2520http/1.0'],
    ['a front controller of Symfony', '/app_dev.php/foo/bar'],
    ['a front controller of Rails', '/dispatch.fcgi/foo/bar'],
    ['a backslash encoded twice', '/foo%255Cbar'],
    ['a slash encoded twice at the end', '/foo/bar%252F'],
    ['an overlong slash encoded twice', '/foo%25c0%25afbar'],
    ['fullwidth letters', '/foo/%EF%BD%82ar'],
    ['a fullwidth slash', '/foo%EF%BC%8Fbar'],
    ['a fullwidth percent sign', '/foo/b%EF%BC%8561r'],
    ['a fullwidth semicolon', '/foo/bar%EF%BC%9Bx'],
    ['a fraction slash', '/foo%E2%81%84bar'],
    ['a yen sign for a backslash', '/foo%C2%A5bar'],
    ['a Kelvin sign', '/%E2%84%AAiss/list'],
    ['a dotless i', '/k%C4%B1ss/list'],
    ['an I with a dot', '/k%C4%B0ss/list'],
    ['a long s', '/ki%C5%BFs/list'],
    ['a sharp s', '/ki%C3%9F/list'],
    ['a Cyrillic a', '/foo/b%D0%B0r'],
    ['a Greek omicron', '/f%CE%BFo/bar'],
    ['a zero-width space', '/foo/b%E2%80%8Bar'],
    ['a soft hyphen', '/foo/b%C2%ADar'],
    ['another composition of a letter', '/cafe%CC%81/menu'],
    ['a dot segment encoded twice', '/open/%252e%252e/foo/bar'],
    ['a dot segment behind a slash encoded twice', '/open%252F..%252Ffoo/bar'],
    ['a dot segment with parameters', '/open/..;/foo/bar'],
    ['a dot segment with a space', '/open/..%20/foo/bar'],
    ['a dot segment with an encoded semicolon', '/open/..%3Bx/foo/bar'],
    ['a dot segment of one sign', '/open/%E2%80%A5/foo/bar'],
    ['a single dot segment with parameters', '/.;/foo/bar'],
    ['three dots', '/open/.../foo/bar'],
    ['an encoded question mark', '/foo/bar%3Fx'],
    ['an encoded number sign', '/foo/bar%23/open'],
    ['a question mark encoded twice', '/foo/bar%253Fx'],
    ['a NUL encoded twice', '/foo/bar%2500.png'],
    ['a line feed encoded twice', '/foo/bar%250a'],
    ['parameters that hold a slash', '/foo/bar;x=%252Fy'],
    ['parameters before a slash that comes to light', '/foo%252Fbar%3Bx=%252Fy'],
    ['an opaque slash under a parameter', '/Records/a%252Fb'],
    ['an opaque slash under a parameter, before a question mark', '/Records/a%252Fb%253Fx/tail'],
    ['parameters that hold a slash, before a fullwidth one', '/records%3Bx=%252Fy%25ef%25bc%258f7'],
    ['a colon encoded', '/verbs%3Alist'],
    ['a colon encoded twice', '/verbs%253Alist'],
    ['a suffix', '/foo/bar.json'],
    ['a suffix in capitals', '/foo/bar.JSON'],
    ['two suffixes', '/foo/bar.tidy.json'],
    ['a suffix within', '/foo.x/bar'],
    ['a suffix behind parameters', '/foo/bar;x.css'],
    ['a suffix before parameters', '/foo/bar.json;x'],
    ['a suffix with a sign of mail', '/foo/bar.a@b'],
    ['a suffix behind a blank', '/foo/bar%20.json'],
    ['a suffix behind a fullwidth dot', '/foo/bar%EF%BC%8Ejson'],
    ['an index file', '/foo/bar/index.html'],
    ['an index action', '/foo/bar/Index'],
    ['a default document', '/foo/bar/default.aspx'],
    ['a front controller', '/index.php/foo/bar'],
    ['an argument of a script', '/foo/bar.php/x.css'],
    ['an argument of a script under a parameter', '/records/7.php/x.css'],
    ['the rest behind parameters', '/foo/bar;/x/y'],
    ['the rest behind an ampersand', '/foo/bar&x/y'],
    ['an encoded ampersand', '/foo/bar%26x=1'],
    ['a plus for a blank', '/foo/bar+'],
    ['a plus for a segment of nothing', '/foo/+/bar'],
    ['a session of ASP.NET', '/(S(abc))/foo/bar'],
    ['a session of ASP.NET within a segment', '/foo/b(S(abc))ar'],
    ['a session of ASP.NET that splits a segment', '/foo/b/(S(abc))ar'],
    ['a dot segment that holds a session of ASP.NET', '/open/..(S(abc))/foo/bar'],
    ['a session of ASP.NET behind a blank', '/foo%20(S(abc))/bar'],
    ['an NTFS stream', '/foo/bar::$DATA'],
    ['an NTFS index', '/foo:$i30:$INDEX_ALLOCATION/bar'],
    ['a way out of an alias', '/static../foo/bar'],
    ['a letter that a code page lacks', '/foo/b%C4%81r'],
    ['an accent', '/foo/ba%CC%81r'],
    ['an accent of another block', '/foo/b%E1%B7%80ar'],
    ['a mark that encloses', '/foo/b%E2%83%9Dar'],
    ['half a mark', '/foo/bar%EF%B8%A0'],
    ['a mark of another script', '/foo/b%D6%91ar'],
    ['a vowel sign of Hindi on a Latin letter', '/foo/b%E0%A4%BEar'],
    ['a mark before the first letter', '/foo/%E0%A5%8Dbar'],
    ['a mark of another script, encoded twice', '/foo/b%25D6%2591ar'],
    ['an anchor of annotations', '/foo/b%EF%BF%B9ar'],
    ['a soft hyphen of Mongolian', '/foo/b%E1%A0%86ar'],
    ['a letter with a stroke', '/foo/%C6%80ar'],
    ['a digit of another script', '/v%E0%A5%A8/list'],
    ['a letter that another alphabet shares', '/foo/%D0%ACar'],
  ])('%s is a near miss', (_name, path) => {
    expect(strict(path)).toBe('near miss')
  })

  test('each of them is one without the catch-all too, or is not found', () => {
    const bare = gate(aRoute('/foo/bar', { id: 'locked' }))
    for (const path of ['/Foo/bar', '/foo/bar;', '/foo/bar.', '/foo/bar/', '/foo/%EF%BD%82ar'])
      expect(bare(path)).toBe('near miss')
    expect(bare('/other')).toBe('no route')
    const two = gate(aRoute('/foo/bar', { id: 'read' }), aRoute('/foo/bar', { id: 'write', methods: ['POST'] }))
    for (const method of ['GET', 'HEAD', 'POST']) expect(two('/FOO/bar', method)).toBe('near miss')
  })

  test('a route that is open is guarded from a catch-all that is locked', () => {
    const open = gate(aRoute('/public/{name}', { id: 'public' }), ALL)
    expect(open('/public/a')).toBe('public')
    expect(open('/public/a%252Fb')).toBe('near miss')
    expect(open('/public/a%252F')).toBe('near miss')
    expect(open('/public/%252e%252e')).toBe('near miss')
  })

  test('a route of parameters is guarded from one that takes the rest of a narrower path', () => {
    const areas = gate(aRoute('/admin/{rest*}', { id: 'admin' }), aRoute('/{area}/{page}', { id: 'page' }), ALL)
    for (const path of ['/Admin/users', '/ADMIN/users', '/admin.json/users', '/admin;x/users'])
      expect([path, areas(path)]).toEqual([path, 'near miss'])
    expect(['/admin/users', '/About/Us', '/Administration/users'].map((path) => areas(path))).toEqual([
      'admin',
      'page',
      'page',
    ])
  })

  test('a route of parameters is guarded from a stricter one that is shorter, and names pass', () => {
    const { policy } = aRoute('/')
    const open = { ...policy, session: { level: 'none', bind: [] } } as const
    for (const [other, expected] of [
      [open, 'name'],
      [policy, 'near miss'],
    ] as const) {
      const judge = gate(
        { ...aRoute('/{a}/{b}/{c}', { id: 'name' }), policy: open },
        { ...aRoute('/records/{id}', { id: 'record' }), policy: other },
        { ...aRoute('/export', { id: 'export' }), policy: other },
      )
      for (const path of ['/records/7;/x', '/records/7;x/y', '/export.php/x/y', '/export.cgi/x/y'])
        expect([path, judge(path)]).toEqual([path, expected])
      for (const path of ['/records/R&D/logo', '/records/report.pdf/pages', '/files/v1.2/x', '/exports.d/x/y'])
        expect([path, judge(path)]).toEqual([path, 'name'])
    }
  })

  test('each mark at which some upstream ends a path ends it, whichever other stands before', () => {
    const open = { ...ALL, policy: { ...ALL.policy, session: { level: 'none', bind: [] } } } as const
    const amp = gate(aRoute('/r&d/{name}', { id: 'amp' }), aRoute('/foo/bar', { id: 'locked' }), open)
    for (const path of ['/r&d/1;/x', '/;/foo/bar&x', '/;x/foo/bar&/y'])
      expect([path, amp(path)]).toEqual([path, 'near miss'])
  })

  test('another method of a lenient reading is a near miss too', () => {
    expect(strict('/FOO/BAR', 'POST')).toBe('near miss')
    expect(strict('/foo/bar', 'POST')).toBe('wrong method')
    expect(strict('/records/ABC', 'POST')).toBe('wrong method')
    expect(strict('/FOO/BAR', 'HEAD')).toBe('near miss')
  })
})

describe('an ordinary path is no near miss of its own route', () => {
  test.each([
    ['the route itself', '/foo/bar', 'locked'],
    ['a literal with capitals as it is written', '/getRecord/7', 'capital'],
    ['a literal beyond ASCII', '/caf%C3%A9/menu', 'cafe'],
    ['a literal with a colon', '/verbs:list', 'colon'],
    ['an id of both cases', '/records/AbC-123', 'record'],
    ['an id under a literal with capitals', '/getRecord/AbC', 'capital'],
    ['a name in Hindi', '/records/%E0%A4%AE%E0%A5%80%E0%A4%A8%E0%A4%BE', 'record'],
    ['a name with a space', '/records/Meena%20Kumari', 'record'],
    ['a plus and a tilde', '/records/a+b~c', 'record'],
    ['an e-mail address', '/records/a.b%40example.in', 'record'],
    ['an id with a dot at its end', '/records/abc.', 'record'],
    ['a percentage', '/records/100%25', 'record'],
    ['a percentage encoded twice', '/records/100%2525', 'record'],
    ['an id with a question mark', '/records/why%3F', 'record'],
    ['a file name', '/assets/app.min.js', 'all'],
    ['a name with dots in brackets', '/pages/%5B...slug%5D.js', 'all'],
    ['a hidden name', '/.well-known/security.txt', 'all'],
    ['a directory', '/assets/', 'all'],
    ['capitals of the catch-all', '/Assets/Logo.PNG', 'all'],
    ['the root', '/', 'all'],
    ['a front page', '/index.html', 'all'],
    ['a file that ends as a literal begins', '/foo/barrier.json', 'all'],
    ['a plus for a name', '/records/+', 'record'],
    ['a name with an ampersand', '/records/R&D', 'record'],
    ['a name in brackets', '/records/Meena%20(minor)', 'record'],
    ['a file name for an id', '/records/scan.2026.pdf', 'record'],
  ])('%s', (_name, path, expected) => {
    expect(strict(path)).toBe(expected)
  })

  test('parameters in a value pass where a route asks for nothing, and nowhere else', () => {
    const policy = aRoute('/').policy
    const open = { ...policy, session: { level: 'none', bind: [] } } as const
    const verdicts = [open, policy, { ...open, lock: 'deny' } as const].map((each) => {
      const judge = gate({ ...aRoute('/maps/{area}', { id: 'map' }), policy: each })
      return [judge('/maps/7;v=2'), judge('/maps/7%3Bv=2')]
    })
    expect(verdicts).toEqual([
      ['map', 'map'],
      ['near miss', 'near miss'],
      ['near miss', 'near miss'],
    ])
  })

  test('what the config declares is no near miss of what it declares besides', () => {
    const both = gate(
      aRoute('/report', { id: 'page' }),
      aRoute('/report.pdf', { id: 'file' }),
      aRoute('/report/index.html', { id: 'index' }),
      aRoute('/R&D/{name}', { id: 'amp' }),
      ALL,
    )
    expect(['/report', '/report.pdf', '/report/index.html', '/R&D/x'].map((path) => both(path))).toEqual([
      'page',
      'file',
      'index',
      'amp',
    ])
    expect(both('/report.xml')).toBe('near miss')
  })

  test('another suffix, a suffix more and the front page are held against a path only where the other route is stricter', () => {
    const { policy } = aRoute('/')
    const open = { ...policy, session: { level: 'none', bind: [] } } as const
    for (const [level, expected] of [
      ['none', 'all'],
      ['required', 'near miss'],
    ] as const) {
      const stricter = { ...policy, session: { level, bind: [] } }
      const judge = gate(
        { ...aRoute('/export.csv', { id: 'csv' }), policy: stricter },
        { ...aRoute('/', { id: 'front' }), policy: stricter },
        { ...ALL, policy: open },
      )
      expect(['/export.json', '/export', '/index.html', '/index'].map((path) => judge(path))).toEqual(
        Array.from({ length: 4 }, () => expected),
      )
      expect(judge('/export.csv')).toBe('csv')
    }
  })

  test('a segment of nothing is the front page to whoever drops it', () => {
    const front = gate(aRoute('/', { id: 'front' }), ALL)
    for (const path of ['/%C2%AD', '/%E2%80%8B', '/%3F', '/%23x', '/%253Fx', '/%EF%BC%9F', '/;x', '/%20'])
      expect([path, front(path)]).toEqual([path, 'near miss'])
    expect(['/', '/x', '/~'].map((path) => front(path))).toEqual(['front', 'all', 'all'])
  })

  test('a file of the name of an index passes where a route takes files, and is refused where that would hide a stricter one', () => {
    const files = aRoute('/files/{name}', { id: 'file' })
    const open = { ...files.policy, session: { level: 'optional', bind: [] } } as const
    expect(gate(files, aRoute('/files', { id: 'list' }), ALL)('/files/index.html')).toBe('file')
    expect(gate({ ...files, policy: open }, aRoute('/files', { id: 'list' }), ALL)('/files/index.html')).toBe(
      'near miss',
    )
  })

  test('a script of its own suffix takes arguments too', () => {
    const script = gate(aRoute('/export.php', { id: 'script' }), ALL)
    expect(script('/export.php/x.css')).toBe('near miss')
    expect(script('/export.php')).toBe('script')
  })

  test('a suffix that the config declares for all does not hide the route of one', () => {
    const both = gate(aRoute('/people/{name}/card.pdf', { id: 'all' }), aRoute('/people/me/card', { id: 'one' }))
    expect(both('/people/me/card.pdf')).toBe('near miss')
    expect(both('/people/you/card.pdf')).toBe('all')
  })

  test('routes that differ in case alone are not near misses of each other', () => {
    const both = gate(aRoute('/Foo/{a}', { id: 'one' }), aRoute('/foo/{b}', { id: 'two' }), ALL)
    expect(both('/Foo/ABC')).toBe('one')
    expect(both('/foo/ABC')).toBe('two')
    expect(both('/FOO/ABC')).toBe('near miss')
  })

  test('routes of one shape may name their parameters differently for each method', () => {
    const both = gate(
      aRoute('/foo/{a}', { id: 'read' }),
      aRoute('/foo/{b}', { id: 'write', methods: ['POST'] }),
      aRoute('/FOO/{c}', { id: 'head', methods: ['HEAD'] }),
      ALL,
    )
    expect(both('/foo/ABC', 'POST')).toBe('write')
    expect(both('/foo/ABC')).toBe('read')
    expect(both('/foo/ABC', 'HEAD')).toBe('read')
    expect(both('/FOO/ABC', 'HEAD')).toBe('head')
  })

  test('literals that fold to nothing, or have parameters of their own, compile', () => {
    const odd = gate(
      aRoute('/a/;v=1/b', { id: 'odd' }),
      aRoute('/slash/', { id: 'slash' }),
      aRoute('/v1./x', { id: 'dot' }),
      ALL,
    )
    expect(odd('/v1./x')).toBe('dot')
    expect(odd('/v1/x')).toBe('near miss')
    expect(odd('/slash/')).toBe('slash')
    expect(odd('/slash')).toBe('near miss')
  })
})

describe('properties', () => {
  const word = fc.stringMatching(/^[A-Za-z0-9~+_-]{1,8}$/)
  const name = fc.oneof(word, fc.constantFrom('%E0%A4%AE', 'caf%C3%A9', 'A%20b', 'x.y', '50%25', 'a@b', "d'or"))

  test('a path with nothing to fold is never a near miss where no literal has anything to fold either', () => {
    const plain = gate(aRoute('/foo/bar', { id: 'locked' }), aRoute('/records/{recordId}', { id: 'record' }), ALL)
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('foo', 'bar', 'records', 'a-1', '~x', 'x.y', 'z'), { minLength: 1, maxLength: 4 }),
        (parts) => {
          const path = `/${parts.join('/')}`
          expect(plain(path)).not.toBe('near miss')
        },
      ),
      { numRuns: 300 },
    )
  })

  test('a name of any kind under a parameter is taken', () => {
    fc.assert(
      fc.property(name, name, (one, two) => {
        expect(strict(`/records/${one}`)).toBe('record')
        expect(strict(`/assets/${one}/${two}`)).toBe('all')
      }),
      { numRuns: 400 },
    )
  })

  test('the longest paths are judged in linear time', () => {
    for (const unit of [
      '/A',
      '.',
      '%20.',
      '%2525',
      '%252F;',
      '%EF%B7%BA',
      '%25',
      'a%253B%3Fb%252F',
      '%25u0041',
      ';',
      '%C4%B0',
      '.a',
      '+',
      '/+',
      '&',
      '(a(b)',
      '/(s(x))',
      'x../',
      'index.php/',
      '%20.json',
      '%20',
      '%C2%A0',
      '::$',
      '%E0%A4%AE',
      '%E0%A5%A7',
    ]) {
      const path = `/${unit.repeat(Math.floor(8_000 / unit.length))}x`
      const started = performance.now()
      for (let round = 0; round < 3; round++) strict(path)
      expect([unit, performance.now() - started < 1_000]).toEqual([unit, true])
    }
  })
})

describe('no mutation of a locked path slips past the guard', () => {
  const locked = ['/foo/bar', '/api/v2/beneficiaries/{id}', '/getBeneficiary/{id}', '/kiss/{id}/dose'] as const
  const routes = [...locked.map((path) => aRoute(path)), ALL]
  const table = compileRoutes(routes)
  const guard = compileNearMissGuard(routes)

  const escape = (char: string, times: number) => {
    const once = [...new TextEncoder().encode(char)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
    return Array.from({ length: times - 1 }).reduce<string>((text) => text.replaceAll('%', '%25'), once)
  }
  const wide = (char: string) => (/[!-~]/.test(char) ? String.fromCodePoint((char.codePointAt(0) ?? 0) + 0xfee0) : char)
  const twin = (char: string) => ({ k: '\u212a', i: '\u0131', s: '\u017f' })[char.toLowerCase()] ?? char
  const swapped = (char: string) => (char === char.toLowerCase() ? char.toUpperCase() : char.toLowerCase())
  const additions = [
    ...[
      ';x',
      '%3Bx',
      '.',
      '%20',
      '.%20',
      '%252e',
      '%2520',
      '/',
      '/.;',
      '/..;',
      '/;x',
      '/x/..;',
      '/x/..%20',
      '/x/%252e%252e',
    ],
    ...[
      '/x/%E2%80%A5',
      '/%E3%80%80',
      '%252f',
      '%255c',
      '/x%252f..',
      '/...',
      '%EF%BC%8F',
      '%3Bx=%252Fy',
      '%3Fx',
      '%23x',
      '%253Fx',
      '%2500x',
    ],
  ]
  type Mutation = (path: string, at: number, times: number) => string
  const put = (path: string, at: number, char: string) => path.slice(0, at) + char + path.slice(at + 1)
  /** Never the first slash; a place inside an escape gives a path that is refused, which is as well. */
  const place = (path: string, at: number) => 1 + (at % Math.max(1, path.length - 1))
  const eachChar =
    (change: (char: string, times: number) => string): Mutation =>
    (path, at, times) =>
      put(path, place(path, at), change(path[place(path, at)] ?? '', times))
  const mutations: readonly Mutation[] = [
    eachChar(swapped),
    eachChar((char, times) => (/[A-Za-z/]/.test(char) ? escape(char, times + 1) : char)),
    eachChar((char, times) => (/[A-Za-z/]/.test(char) ? escape(wide(char), times) : char)),
    eachChar((char, times) => (twin(char) === char ? char : escape(twin(char), times))),
    (path) => path.toLowerCase(),
    (path) => path.toUpperCase(),
    (path, at) => {
      const ends = [...path.matchAll(/\/|$/g)].map((found) => found.index)
      const end = ends[at % ends.length] ?? 0
      return path.slice(0, end) + (additions[at % additions.length] ?? '') + path.slice(end)
    },
    (path, at) =>
      `${['/open/..;', '/open/%252e%252e', '/open%252f..', '/open/..%20', '/;a', '/%20', '/.;'][at % 7]}${path}`,
    (path, at) => `${path}${['/x/..;', '/%252e', '/;', '/%20', '/', '/.;x', '%3F', '%23/open'][at % 8]}`,
  ]
  const mutated = fc
    .tuple(
      fc.constantFrom(...locked),
      fc.constantFrom('7', 'AbC', 'x1'),
      fc.array(fc.tuple(fc.nat(mutations.length - 1), fc.nat(200), fc.integer({ min: 1, max: 2 })), {
        minLength: 1,
        maxLength: 4,
      }),
    )
    .map(([path, id, steps]) =>
      steps.reduce((each, [which, at, times]) => mutations[which]?.(each, at, times) ?? each, path.replace('{id}', id)),
    )
  const leniency: fc.Arbitrary<Leniency> = fc.record({
    ignoresCase: fc.boolean(),
    normalises: fc.boolean(),
    decodes: fc.integer({ min: 1, max: 3 }),
    splitsFirst: fc.boolean(),
    backslashIsSlash: fc.boolean(),
    dropsParams: fc.boolean(),
    dropsTails: fc.constantFrom('none', 'spaces', 'dots and spaces'),
    mergesSlashes: fc.boolean(),
    resolvesDots: fc.constantFrom('never', 'before tails', 'after tails'),
    endsAtMarks: fc.boolean(),
    endsAtNul: fc.boolean(),
  })
  /** The locked route that the upstream would serve. */
  const served = (path: string, how: Leniency) => {
    const read = readLeniently(path, how)
    return locked.find((each) => {
      const template = how.ignoresCase ? each.toLowerCase() : each
      return new RegExp(`^${template.replace('{id}', '[^/]+')}$`, 's').test(read)
    })
  }

  test('in 3,000 mutations, each read by twelve upstreams', () => {
    let served404 = 0
    fc.assert(
      fc.property(mutated, fc.array(leniency, { minLength: 12, maxLength: 12 }), (raw, upstreams) => {
        const target = parseTarget(raw)
        if (isRefused(target)) return
        const match = matchRoute(table, 'GET', target.path)
        const plain = match === undefined || isWrongMethod(match) ? undefined : match.route
        if (plain === undefined || isNearMiss(guard, plain, 'GET', target.path)) {
          served404++
          return
        }
        for (const how of upstreams)
          expect([locked.find((each) => each === plain.path), undefined]).toContain(served(target.path, how))
      }),
      { numRuns: 3_000 },
    )
    expect(served404).toBeGreaterThan(1_000)
  })

  test('the lenient upstream of this test would serve what the guard refuses', () => {
    const kind: Leniency = {
      ignoresCase: true,
      normalises: true,
      decodes: 2,
      splitsFirst: false,
      backslashIsSlash: true,
      dropsParams: true,
      dropsTails: 'dots and spaces',
      mergesSlashes: true,
      resolvesDots: 'before tails',
      endsAtMarks: true,
      endsAtNul: true,
    }
    for (const path of [
      '/FOO/bar',
      '/foo/bar;x',
      '/foo/bar.%20',
      '/foo%252Fbar',
      '/x/..;/foo/bar',
      '/foo/%EF%BD%82ar',
      '/foo/bar%3Fx',
      '/foo//bar',
    ]) {
      expect([path, served(path, kind)]).toEqual([path, '/foo/bar'])
    }
  })
})

interface Vectors {
  readonly traefik_reject_by_default_encoded: readonly string[]
  readonly oauth2_proxy_allowlist: { readonly cases: readonly (readonly [string, string, boolean])[] }
}

describe('vectors of other proxies', () => {
  const vectors = readShared('vectors/path-and-host-normalisation.json') as Vectors | undefined
  const run = vectors === undefined ? test.skip : test

  run('an encoding that another proxy refuses is refused here where what stands before it is a route', () => {
    const foo = gate(
      aRoute('/foo', { id: 'foo' }),
      aRoute('/foo/{rest*}', { id: 'below' }),
      aRoute('/foo;bar', { id: 'params' }),
      ALL,
    )
    for (const raw of vectors?.traefik_reject_by_default_encoded ?? []) {
      // A percent sign in a name is the name's own.
      if (raw !== '/foo%25bar') expect([raw, ['refused', 'near miss'].includes(foo(raw))]).toEqual([raw, true])
    }
  })

  run('a suffix that is really a fragment does not open what it hides', () => {
    const open = gate(
      aRoute('/public/{name}/endpoint', { id: 'open' }),
      aRoute('/foo/{name}/bar', { id: 'open' }),
      ALL,
      aRoute('/skip/auth/{rest*}', { id: 'open' }),
    )
    for (const [method, path, isAllowed] of vectors?.oauth2_proxy_allowlist.cases ?? []) {
      expect([path, open(path, method) === 'open']).toEqual([path, isAllowed])
    }
  })
})
