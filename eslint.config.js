// Few rules, all obeyed: every name is imported, declared, or one of the browser's that stand here.

const BROWSER = [
  "CustomEvent", "Image", "MutationObserver", "ResizeObserver", "addEventListener", "atob", "cancelAnimationFrame",
  "clearTimeout", "dispatchEvent", "document", "getComputedStyle", "innerHeight", "matchMedia", "performance",
  "removeEventListener", "requestAnimationFrame", "setTimeout", "window", "fetch", "createImageBitmap", "Blob", "URL",
];
const MEASURING = ["CanvasRenderingContext2D", "Node", "PerformanceObserver", "SVGElement", "ShadowRoot", "innerWidth"];

const RULES = {
  "no-undef": "error",
  "no-unused-vars": ["error", { ignoreRestSiblings: true }],
  "no-import-assign": "error",
  "no-duplicate-imports": "error",
  "no-redeclare": "error",
  "no-const-assign": "error",
  "no-dupe-keys": "error",
  "no-unreachable": "error",
  "no-var": "error",
  "prefer-const": "error",
  eqeqeq: ["error", "always", { null: "ignore" }],
  "no-restricted-syntax": ["error", { selector: "ImportExpression", message: "The joiner follows no import that is called." }],
};

export default [
  {
    files: ["cnnviz/ui/components/**/*.js"],
    languageOptions: { globals: Object.fromEntries(BROWSER.map((name) => [name, "readonly"])) },
    rules: RULES,
  },
  {
    files: ["benchmarks/*.js"],
    languageOptions: { globals: Object.fromEntries([...BROWSER, ...MEASURING].map((name) => [name, "readonly"])) },
    rules: RULES,
  },
  { files: ["tests/js/**/*.js", "eslint.config.js"], rules: RULES },
];
