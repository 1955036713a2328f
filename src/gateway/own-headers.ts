import { seldonRouteHeader, seldonRouteOf } from '../core/seldon-route.ts';
import { headerLine, type HeaderBlock } from '../protocol/header-block.ts';
import type { Exchange } from './exchange.ts';
import { isSeldonV1, namingFields, puidFields } from './seldon-puid.ts';

/** Fields of a backend's answer that give way to these. */
export function replacedFields({ facts }: Exchange): ReadonlySet<string> | null {
  return isSeldonV1(facts.protocol) ? puidFields : null;
}

/** Headers that Makas adds to every answer of this exchange. */
export function ownHeaders(exchange: Exchange): HeaderBlock {
  const { record, facts } = exchange;
  let block = namingFields(facts.protocol, exchange.headers, facts.requestId);
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
