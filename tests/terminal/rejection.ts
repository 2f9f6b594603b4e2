/** What `work` was rejected with; fails the test when it was not. */
export async function rejectionOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  throw new Error("the promise was not rejected");
}
