/**
 * The parts of the YAML parser that are used. Import it by `import()`: its code then runs when a campaign file is read, and not at the
 * start of every command.
 *
 * @module
 */
export { Composer, isAlias, isMap, isScalar, isSeq, Lexer, Parser } from "yaml";
