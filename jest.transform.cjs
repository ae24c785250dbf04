// Node's own type stripping: types are blanked in place, so line and column numbers stay true without source maps.
const { stripTypeScriptTypes } = require('node:module')
module.exports = { process: (source) => ({ code: stripTypeScriptTypes(source) }) }
