export interface DocType {
  kind: string;
  repr?: string;
  // deno-lint-ignore no-explicit-any -- each kind has another form
  value?: any;
}

export interface DocParam {
  kind: string;
  name?: string;
  optional?: boolean;
  tsType?: DocType;
  left?: DocParam;
  arg?: DocParam;
}

export interface DocMember {
  name: string;
  kind?: string;
  optional?: boolean;
  readonly?: boolean;
  isStatic?: boolean;
  accessibility?: string;
  tsType?: DocType;
  params?: readonly DocParam[];
  returnType?: DocType;
  jsDoc?: DocComment;
  functionDef?: { params: readonly DocParam[]; returnType?: DocType };
}

export interface DocComment {
  doc?: string;
  tags?: readonly { kind: string; name?: string; doc?: string; value?: string; tsType?: DocType }[];
}

export function paramsText(params: readonly DocParam[]): string {
  return params.map((param): string => {
    if (param.kind === "rest") return `...${paramsText(param.arg === undefined ? [] : [param.arg])}`;
    const { name = "options", tsType, optional = false } = param.left ?? param;
    const mark = optional || param.kind === "assign" ? "?" : "";
    return `${name}${mark}: ${typeText(tsType)}`;
  }).join(", ");
}

export function typeParamText({ name, constraint }: { name: string; constraint?: DocType | undefined }): string {
  return constraint === undefined ? name : `${name} extends ${typeText(constraint)}`;
}

export function memberText({ name, optional, readonly, tsType, params, returnType }: DocMember): string {
  const mark = optional ? "?" : "";
  // A key such as `run-timeout` needs quotes.
  const key = /^[\w$[\]"@.]+$/.test(name) ? name : JSON.stringify(name);
  if (params !== undefined) return `${key}${mark}(${paramsText(params)}): ${typeText(returnType)}`;
  return `${readonly ? "readonly " : ""}${key}${mark}: ${optional ? withoutUndefined(tsType) : typeText(tsType)}`;
}

function withoutUndefined(type: DocType | undefined): string {
  if (type?.kind !== "union") return typeText(type);
  return (type.value as DocType[]).filter(({ repr }) => repr !== "undefined").map(typeText).join(" | ");
}

export function typeText(type: DocType | undefined): string {
  if (type === undefined) return "unknown";
  const { kind, repr = "", value } = type;
  switch (kind) {
    case "union":
      return value.map(typeText).join(" | ");
    case "intersection":
      return value.map(typeText).join(" & ");
    case "array":
      return value.kind === "union" || value.kind === "typeLiteral" ? `(${typeText(value)})[]` : `${typeText(value)}[]`;
    case "tuple":
      return `[${value.map(typeText).join(", ")}]`;
    case "parenthesized":
      return `(${typeText(value)})`;
    case "optional":
      return `${typeText(value)}?`;
    case "rest":
      return `...${typeText(value)}`;
    case "typeOperator":
      return `${value.operator} ${typeText(value.tsType)}`;
    case "indexedAccess":
      return `${typeText(value.objType)}[${typeText(value.indexType)}]`;
    case "literal":
      return value.kind === "string" ? JSON.stringify(value.string) : repr;
    case "typeRef":
      return value.typeParams === undefined
        ? value.typeName
        : `${value.typeName}<${value.typeParams.map(typeText).join(", ")}>`;
    case "typeQuery":
      return `typeof ${repr || value}`;
    case "fnOrConstructor":
      return `${value.constructor === true ? "new " : ""}(${paramsText(value.params)}) => ${typeText(value.tsType)}`;
    case "conditional": {
      const { checkType, extendsType, trueType, falseType } = value;
      return `${typeText(checkType)} extends ${typeText(extendsType)} ? ${typeText(trueType)} : ${typeText(falseType)}`;
    }
    case "infer":
      return `infer ${typeParamText(value.typeParam)}`;
    case "mapped":
      return `{ [${value.typeParam.name} in ${typeText(value.typeParam.constraint)}]: ${typeText(value.tsType)} }`;
    case "typeLiteral": {
      const members: DocMember[] = [...value.properties ?? [], ...value.methods ?? []];
      const index = (value.indexSignatures ?? []).map((each: DocMember) =>
        `[${paramsText(each.params ?? [])}]: ${typeText(each.tsType)}`
      );
      return `{ ${[...members.map(memberText), ...index].join("; ")} }`;
    }
    default:
      return repr === "" ? kind : repr;
  }
}
