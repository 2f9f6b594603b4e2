/** A Worker that measures the tasks from within; timers run in workerd on one's own machine. */
import { rateOf } from "./measure.ts";
import { createTasks, type Task } from "./tasks.ts";

/** The host binds two classes of objects, as for the product's Worker; here nobody asks them. */
const refuse = (): Response => new Response("nothing here", { status: 404 });
export class CardObject {
  readonly fetch = refuse;
}
export class SubscriberObject {
  readonly fetch = refuse;
}

// Workers make no keys while they start.
let tasks: Promise<ReadonlyMap<string, Task>> | undefined;

export default {
  async fetch(request: Request): Promise<Response> {
    const { searchParams } = new URL(request.url);
    tasks ??= createTasks();
    const task = (await tasks).get(searchParams.get("task") ?? "");
    if (task === undefined) return new Response("no such task", { status: 404 });
    const seconds = Number(searchParams.get("seconds"));
    return Response.json(await rateOf(task.repeat, task.perCall, seconds));
  },
};
