import { runHostileFaults } from "./planted.ts";
const t=Date.now(); console.log(await runHostileFaults(console.log), Date.now()-t);
