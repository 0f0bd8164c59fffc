// What is said of a line is what is known of it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { c } from './harness.mjs'

test('no connection is said only of one that was there', () => {
  assert.equal(c.netWord(undefined, false), undefined, 'alone in the call, nothing sent')
  assert.equal(c.netWord(undefined, true), 'netNone')
  assert.deepEqual([[0, 0.05], [0.03, 0.05], [0, 0.3], [0.1, 0.05], [0, 0.7]].map(([loss, rtt]) => c.netWord({ loss, rtt }, true)), ['netGood', 'netFair', 'netFair', 'netPoor', 'netPoor'])
})

test('a paused picture is told from one that is late, and a narrow line from too many cameras', () => {
  const cameras = ['a', 'b', 'c']
  assert.equal(c.pausedWhy([], cameras, 'a', 9), undefined)
  assert.equal(c.pausedWhy(['b'], cameras, 'a', 9), undefined)
  assert.equal(c.pausedWhy(['a'], cameras, 'a', 9), 'paused')
  assert.equal(c.pausedWhy(['a'], cameras, 'a', 2), 'pausedMany')
  assert.equal(c.pausedWhy(['a', 'b'], cameras, 'a', 2), 'paused', 'only one comes of the two that may')
  assert.equal(c.pausedWhy(['screen'], cameras, 'screen', 2), 'paused', 'a screen is no camera')
})
