export * from "./index";
import { multiply, square, combine, addLoose, subtractLoose, isZero } from "./field-p256";
import { invertScalar, multiplyScalar } from "./scalar-p256";
import { double, add } from "./point-p256";
export function benchMul(o: usize, a: usize, b: usize, n: i32): void { for (let i=0;i<n;i++) multiply(o,a,b); }
export function benchSqr(o: usize, a: usize, b: usize, n: i32): void { for (let i=0;i<n;i++) square(o,a); }
export function benchMulDep(o: usize, a: usize, b: usize, n: i32): void { for (let i=0;i<n;i++) multiply(a,a,b); }
export function benchCombine(o: usize, a: usize, b: usize, n: i32): void { for (let i=0;i<n;i++) combine(o,1,a,-8,b); }
export function benchAdd(o: usize, a: usize, b: usize, n: i32): void { for (let i=0;i<n;i++) addLoose(o,a,b); }
export function benchIsZero(o: usize, a: usize, b: usize, n: i32): void { for (let i=0;i<n;i++) isZero(a); }
export function benchMulScalar(o: usize, a: usize, b: usize, n: i32): void { for (let i=0;i<n;i++) multiplyScalar(o,a,b); }
export function benchInv(o: usize, a: usize, b: usize, n: i32): void { for (let i=0;i<n;i++) invertScalar(o,a); }
export function benchDouble(o: usize, a: usize, b: usize, n: i32): void { for (let i=0;i<n;i++) double(a); }
