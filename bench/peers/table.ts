import type { Peer } from '../peer.ts';
import { bare } from './bare.ts';
import { direct } from './direct.ts';
import { makas } from './makas.ts';
import { nginx } from './nginx.ts';

export const peers: readonly Peer[] = [direct, nginx, bare, makas];
