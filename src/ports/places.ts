/** Where an address is, in degrees north and east, as far as a table of networks tells; undefined where it does not. Never throws. */
export type PlaceOf = (address: string) => { readonly latitude: number; readonly longitude: number } | undefined
