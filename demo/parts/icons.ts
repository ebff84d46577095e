/** Icons of one family: strokes on a grid of 24, in the colour of the text. */

const PATHS = {
  back: 'M15 5l-7 7 7 7',
  bin: 'M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5',
  board: 'M4 4h4.5v16H4zM10.5 4h4v11h-4zM17 4h3.5v8H17z',
  bold: 'M7 5h6a3.5 3.5 0 010 7H7zM7 12h7a3.5 3.5 0 010 7H7z',
  bolt: 'M13 3L5 14h6l-1 7 8-11h-6z',
  bullets: 'M9 6h11M9 12h11M9 18h11M4.5 6h.01M4.5 12h.01M4.5 18h.01',
  check: 'M5 12.5l4.5 4.5L19 7',
  close: 'M6 6l12 12M18 6L6 18',
  cloud: 'M7 18a4 4 0 01-.6-7.95A6 6 0 0118 9.5 4.25 4.25 0 0117.5 18z',
  code: 'M8 7l-5 5 5 5M16 7l5 5-5 5',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  device: 'M4 5h16v11H4zM9 20h6M12 16v4',
  download: 'M12 4v11M7 11l5 5 5-5M4 20h16',
  heading: 'M6 5v14M18 5v14M6 12h12',
  italic: 'M10 5h7M7 19h7M14 5l-4 14',
  lab: 'M9 3h6M10 3v6l-5 9a2 2 0 002 3h10a2 2 0 002-3l-5-9V3M8 14h8',
  link: 'M10 14a4 4 0 005.7 0l3-3a4 4 0 10-5.7-5.7l-1 1M14 10a4 4 0 00-5.7 0l-3 3A4 4 0 1011 18.700l1-1',
  more: 'M5.5 12a.8.8 0 101.600 0 .8.8 0 10-1.600 0M11.200 12a.8.8 0 101.600 0 .8.8 0 10-1.600 0M16.900 12a.8.8 0 101.600 0 .8.8 0 10-1.600 0',
  note: 'M6 3h9l4 4v14H6zM14 3v5h5M9 13h7M9 17h5',
  numbers: 'M10 6h10M10 12h10M10 18h10M4 5l1.500-1V9M4 14.500c0-2 3-2 3 0 0 1-3 2-3 3.500h3',
  pen: 'M4 20l1-4L16 5l3 3L8 19zM14 7l3 3',
  people:
    'M9 11a3.500 3.500 0 100-7 3.500 3.500 0 000 7zM2.500 20c.5-4 3-6 6.500-6s6 2 6.500 6M16 4.500a3.500 3.500 0 010 6M18 14.500c2 .800 3.200 2.600 3.500 5.500',
  pin: 'M9 4h6l-1 6 3 3H7l3-3zM12 13v7',
  plus: 'M12 5v14M5 12h14',
  quote: 'M5 6v12M10 8h10M10 12h10M10 16h6',
  redo: 'M20 9H9a5 5 0 000 10h4M16 5l4 4-4 4',
  restore: 'M4 12a8 8 0 108-8H6M9 1L6 4l3 3',
  search: 'M11 18a7 7 0 100-14 7 7 0 000 14zM16 16l5 5',
  share: 'M12 15V4M8 8l4-4 4 4M5 12v8h14v-8',
  shield: 'M12 3l8 3v6c0 5-3.500 7.500-8 9-4.500-1.500-8-4-8-9V6z',
  strike: 'M4 12h16M8 8c0-4 8-4 8.500-.500M16 15c0 5-9 5-9 .500',
  tasks: 'M4 6l1.500 1.500L8 5M4 16l1.500 1.500L8 15M12 7h8M12 17h8',
  undo: 'M4 9h11a5 5 0 010 10h-4M8 5L4 9l4 4',
  upload: 'M12 16V5M7 9l5-5 5 5M4 20h16',
} as const

export type IconName = keyof typeof PATHS

const SVG = 'http://www.w3.org/2000/svg'

export function makeIcon(name: IconName): SVGSVGElement {
  const icon = document.createElementNS(SVG, 'svg')
  icon.setAttribute('viewBox', '0 0 24 24')
  icon.setAttribute('class', 'icon')
  icon.setAttribute('aria-hidden', 'true')
  const path = document.createElementNS(SVG, 'path')
  path.setAttribute('d', PATHS[name])
  icon.append(path)
  return icon
}
