# What the host says of proxies goes for pages elsewhere: no proxy reaches what listens on this host only.
no_proxy=${no_proxy:-${NO_PROXY-}}
case $no_proxy in '*') ;; *) no_proxy=${no_proxy:+$no_proxy,}localhost,127.0.0.1,::1,[::1] ;; esac
NO_PROXY=$no_proxy
export no_proxy NO_PROXY
