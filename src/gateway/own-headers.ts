import { seldonRouteHeader, seldonRouteOf } from '../core/seldon-route.ts';
import { headerLine, type HeaderBlock } from '../protocol/header-block.ts';
import type { Exchange } from './exchange.ts';

/** Headers that Makas adds to every answer of this exchange. */
export function ownHeaders(exchange: Exchange): HeaderBlock {
  const { record, facts } = exchange;
  let block = `x-request-id: ${facts.requestId}\r\n`;
  if (record.token !== null) block += `makas-decision: ${record.token}\r\n`;
  if (record.route?.seldonRoute === true && record.assignment !== null && record.rule?.choice.kind !== 'backend') {
    block += headerLine(seldonRouteHeader, seldonRouteOf(record.assignment.arm));
  }
  if (record.route?.expose === true) {
    block += headerLine('makas-route', record.route.name);
    if (record.assignment !== null) block += headerLine('makas-backend', record.assignment.backend.name);
  }
  return block;
}
