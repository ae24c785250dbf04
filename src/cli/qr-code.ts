// A text as a QR code (ISO/IEC 18004), drawn for paper and for a terminal.

export interface QrCode {
  readonly size: number
  isDark(row: number, column: number): boolean
}

/** Four modules of white on each side, or readers do not find it (ISO/IEC 18004, 9.1). */
const QUIET = 4

/** Level M mends 15 % of damage: a folded page is read all the same. */
export async function createQrCode(text: string): Promise<QrCode> {
  const { default: qrcode } = await import('qrcode-generator')
  const code = qrcode(0, 'M')
  code.addData(text, 'Byte')
  code.make()
  return { size: code.getModuleCount(), isDark: (row, column) => code.isDark(row, column) }
}

/** One path; a module is one unit of the view box. */
export function qrSvg(code: QrCode, label: string): string {
  const side = code.size + 2 * QUIET
  const runs: string[] = []
  for (let row = 0; row < code.size; row++) {
    for (let column = 0; column < code.size; column++) {
      if (!code.isDark(row, column)) continue
      let end = column
      while (end + 1 < code.size && code.isDark(row, end + 1)) end++
      runs.push(`M${column + QUIET} ${row + QUIET}h${end - column + 1}v1h-${end - column + 1}z`)
      column = end
    }
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${side} ${side}" shape-rendering="crispEdges" role="img" aria-label="${label}"><rect width="${side}" height="${side}" fill="#fff"/><path fill="#000" d="${runs.join('')}"/></svg>`
}

/** Two rows a line, dark on light whatever the terminal's colours: the light modules are drawn. */
export function qrLines(code: QrCode): readonly string[] {
  const isLight = (row: number, column: number): boolean =>
    row < 0 || column < 0 || row >= code.size || column >= code.size || !code.isDark(row, column)
  const lines: string[] = []
  for (let row = -QUIET; row < code.size + QUIET; row += 2) {
    let line = ''
    for (let column = -QUIET; column < code.size + QUIET; column++) {
      const [upper, lower] = [isLight(row, column), isLight(row + 1, column)]
      line += upper ? (lower ? '█' : '▀') : lower ? '▄' : ' '
    }
    lines.push(line)
  }
  return lines
}
