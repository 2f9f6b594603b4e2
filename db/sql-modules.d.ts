/** Migrations are imported as text, so that they are in every bundle. */
declare module "*.sql" {
  const text: string;
  export default text;
}
